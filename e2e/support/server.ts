import { join } from 'node:path';
import { ServerProcess, TemporaryFolder } from '@ganomede/events-testing';

export const SECRET = 'a secret of the end-to-end tests';

/** The server as a process of its own, on a free port and with an empty store. `await using` ends and deletes it. */
export class Server implements AsyncDisposable {
  readonly process: ServerProcess;
  readonly #folder: TemporaryFolder;
  readonly #url: string;

  private constructor(process: ServerProcess, folder: TemporaryFolder, url: string) {
    this.process = process;
    this.#folder = folder;
    this.#url = url;
  }

  /** @param bin the server's program; default: the one that was built in this workspace */
  static async start(bin?: string): Promise<Server> {
    const folder = new TemporaryFolder();
    const store = ['--store', 'embedded', '--data-dir', join(folder.path, 'data')];
    const child = new ServerProcess(['--host', '127.0.0.1', '--port', '0', ...store], {
      env: { API_SECRET: SECRET },
      cwd: folder.path,
      ...(bin === undefined ? {} : { bin }),
    });
    try {
      return new Server(child, folder, await child.listening());
    } catch (error) {
      folder.remove();
      throw error;
    }
  }

  /** What a client needs to know, as the environment of a process. */
  get env(): { API_SECRET: string; EVENTS_URL: string } {
    return { API_SECRET: SECRET, EVENTS_URL: this.#url };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    this.#folder.remove();
    if (this.process.stdout.includes(SECRET)) throw new Error('The secret is in the log of the server');
  }
}
