import { freePort } from '../free-port.js';
import { ServerProcess } from './server-process.js';

/** A server that keeps its port, and with that its store, if it is started again. `await using` kills it. */
export class RestartableServer implements AsyncDisposable {
  readonly port: number;
  /** Address without a path. */
  readonly url: string;
  readonly #env: Readonly<Record<string, string>>;
  #process: ServerProcess | undefined;
  #written = '';

  private constructor(port: number, env: Readonly<Record<string, string>>) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = env;
  }

  /** Resolves once it listens. `env`: its settings, but for host and port. */
  static async start(env: Readonly<Record<string, string>>): Promise<RestartableServer> {
    const server = new RestartableServer(await freePort(), env);
    await server.start();
    return server;
  }

  /** All that it has written, in all of its lives. */
  get output(): string {
    return this.#written + (this.#process?.output ?? '');
  }

  /** Starts it again; resolves once it listens. */
  async start(): Promise<void> {
    this.#written = this.output;
    this.#process = new ServerProcess([], {
      env: { HOST: '127.0.0.1', PORT: `${this.port}`, ...this.#env },
    });
    await this.#process.listening();
  }

  /** Resolves with the exit code, null if the signal has ended it. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    return (await this.#process?.stop(signal)) ?? null;
  }

  /** Stops the process in its tracks: connections stay, nothing is answered. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
  }
}
