import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';

export interface StartOptions {
  /** The environment, next to PATH and HOME. Nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What the process reads from standard input; default nothing. */
  readonly input?: string;
  /** As in a terminal of its own: signals go to the process and to all that it has started. */
  readonly terminal?: boolean;
}

/** Those that run now. A test that is given up leaves some behind; they end with the process of the tests. */
const running = new Set<Process>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A child process with everything that it has written so far. `await using` ends it. */
export class Process implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #terminal: boolean;
  stdout = '';
  stderr = '';
  readonly #closed: Promise<unknown>;
  #ended = false;
  readonly #changes = new EventEmitter();

  constructor(
    command: string,
    args: readonly string[],
    { env = {}, cwd, input, terminal = false }: StartOptions = {},
  ) {
    const { PATH = '', HOME = '' } = process.env;
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe'];
    this.#terminal = terminal;
    this.child = spawn(command, args, {
      env: { PATH, HOME, ...env },
      ...(cwd ? { cwd } : {}),
      stdio,
      detached: terminal,
    });
    running.add(this);
    this.#closed = once(this.child, 'close').then(() => {
      this.#ended = true;
      running.delete(this);
      this.#changes.emit('change');
    });
    this.child.stdout?.on('data', (chunk) => this.#write('stdout', chunk));
    this.child.stderr?.on('data', (chunk) => this.#write('stderr', chunk));
    this.child.stdin?.on('error', () => {}); // it may end without reading
    this.child.stdin?.end(input);
  }

  #write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this[stream] += chunk;
    this.#changes.emit('change');
  }

  /** The complete lines of standard output. */
  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }

  /** Resolves once `condition` holds; rejects with what the process wrote where it ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended) throw new Error(`The process ended too early:\n${this.stdout}${this.stderr}`);
      await once(this.#changes, 'change');
    }
  }

  kill(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (!this.#terminal || pid === undefined) this.child.kill(signal);
    else if (!this.#ended) process.kill(-pid, signal);
  }

  /** Sends a signal and resolves with the exit code, null where the signal ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.kill(signal);
    return this.exited();
  }

  /** Resolves with the exit code once the process has ended and all that it wrote has been read. */
  async exited(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}

/** Runs a command to its end; rejects with what it wrote where its exit code is not 0. */
export async function run(
  command: string,
  args: readonly string[],
  options?: StartOptions,
): Promise<{ stdout: string; stderr: string }> {
  const child = new Process(command, args, options);
  const code = await child.exited();
  const { stdout, stderr } = child;
  if (code !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  }
  return { stdout, stderr };
}
