import { chmodSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Process, type ProcessOptions, ServerProcess, TemporaryFolder } from '@ganomede/events-testing';
import { afterAll, beforeAll } from 'vitest';

export const SECRET = 'a secret of the tests';
export const BIN = fileURLToPath(new URL('../../dist/bin.js', import.meta.url));

/** A server for the tests of a file, and the command with its settings. */
export class Cli {
  readonly home: TemporaryFolder;
  readonly server: ServerProcess;
  /** Of the server. */
  readonly url: string;

  private constructor(home: TemporaryFolder, server: ServerProcess, url: string) {
    this.home = home;
    this.server = server;
    this.url = url;
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<Cli> {
    chmodSync(BIN, 0o755);
    const server = new ServerProcess([], {
      env: { API_SECRET: SECRET, EVENTS_STORE: 'memory', HOST: '127.0.0.1', PORT: '0', ...env },
    });
    return new Cli(new TemporaryFolder(), server, await server.listening());
  }

  /** The environment of the command: no profile of whoever runs the tests. */
  get env(): Record<string, string> {
    return { API_SECRET: SECRET, GANOMEDE_EVENTS_URL: this.url, HOME: this.home.path };
  }

  /** Starts the command. */
  begin(args: readonly string[], { env, ...options }: ProcessOptions = {}): Process {
    return Process.node(BIN, args, { env: env ?? this.env, ...options });
  }

  /** Runs the command to its end. */
  async run(
    args: readonly string[],
    options?: ProcessOptions,
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    const child = this.begin(args, options);
    const code = await child.exited();
    const { stdout, stderr } = child;
    return { code, stdout, stderr };
  }

  /** Runs the command with --json; what it printed. @throws if it fails */
  async json(args: readonly string[], options?: ProcessOptions): Promise<unknown[]> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  async stop(): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.home.remove();
  }
}

/** A server for all tests of this file. */
export function useCli(env?: Readonly<Record<string, string>>): () => Cli {
  let cli: Cli;
  beforeAll(async () => {
    cli = await Cli.start(env);
  });
  afterAll(() => cli?.stop());
  return () => cli;
}

let channels = 0;

/** A name that no other test of this file has. */
export const newChannel = (): string => `orders-${++channels}`;
