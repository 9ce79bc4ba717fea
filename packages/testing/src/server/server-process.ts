import { Process, type ProcessOptions } from '../process.js';
import { inRepository } from '../repository.js';

export interface ServerProcessOptions extends Pick<ProcessOptions, 'env' | 'cwd'> {
  /** A program to run in place of the server that was built in this repository. */
  readonly bin?: string;
  /** The program of the Node.js that runs what was built; default: the one that runs here. */
  readonly node?: string;
}

/** The server in a process of its own. It stops without a drain, which few tests are about, unless `DRAIN_MS` is set. */
export class ServerProcess extends Process {
  constructor(
    args: readonly string[] = [],
    { bin, node = process.execPath, env, ...rest }: ServerProcessOptions = {},
  ) {
    const options = { ...rest, env: { DRAIN_MS: '0', ...env } };
    if (bin !== undefined) super(bin, args, options);
    else super(node, [inRepository('apps/server/dist/bin.js'), ...args], options);
  }

  /** The lines of its log. */
  get log(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Resolves with the address once the server listens; rejects with what it wrote if it ends before. */
  async listening(): Promise<string> {
    const url = () => this.log.find(({ msg }) => msg === 'listening')?.url as string | undefined;
    await this.until(() => url() !== undefined);
    return url() as string;
  }
}
