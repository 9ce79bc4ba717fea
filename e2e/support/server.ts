import { join } from 'node:path';
import { root } from '../../scripts/workspace.mjs';
import { Process } from './process.js';
import { TemporaryFolder } from './temporary-folder.js';

export const SECRET = 'a secret of the end-to-end tests';

/** The server as a process of its own, on a free port and with an empty store. `await using` ends and deletes it. */
export class Server implements AsyncDisposable {
  readonly process: Process;
  readonly #folder: TemporaryFolder;
  readonly #url: string;

  private constructor(process: Process, folder: TemporaryFolder, url: string) {
    this.process = process;
    this.#folder = folder;
    this.#url = url;
  }

  /** @param bin the server's program; default: the one that was built in this workspace */
  static async start(bin = join(root, 'apps/server/dist/bin.js')): Promise<Server> {
    const folder = await TemporaryFolder.make();
    const args = [
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--store',
      'embedded',
      '--data-dir',
      join(folder.path, 'data'),
    ];
    const child = new Process(bin, args, { env: { API_SECRET: SECRET }, cwd: folder.path });
    const listening = () => child.lines.find((line) => line.includes('"msg":"listening'));
    try {
      await child.until(() => listening() !== undefined);
      const { url } = JSON.parse(listening() ?? '') as { url: string };
      return new Server(child, folder, url);
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What a client needs to know, as the environment of a process. */
  get env(): { API_SECRET: string; EVENTS_URL: string } {
    return { API_SECRET: SECRET, EVENTS_URL: this.#url };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop('SIGKILL');
    await this.#folder[Symbol.asyncDispose]();
    if (this.process.stdout.includes(SECRET)) throw new Error('The secret is in the log of the server');
  }
}
