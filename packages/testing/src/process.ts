import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { closed, opened } from './leaks.js';
import { killGroup, whenThisProcessEnds } from './when-this-process-ends.js';

export interface ProcessOptions {
  /** The environment, next to PATH and HOME. Nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What the process reads from standard input; default nothing. */
  readonly input?: string;
  /** Standard input does not end after that: `write` adds to it. */
  readonly keepInputOpen?: boolean;
  /** As in a terminal of its own: signals go to the process and to all that it has started. */
  readonly terminal?: boolean;
  /** With a channel for messages: `child.send`. */
  readonly ipc?: boolean;
}

/**
 * A child process with everything that it has written so far. It leads a process group of its own, all of which ends with
 * this process, however that ends. `await using` kills it.
 */
export class Process implements AsyncDisposable {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** The complete lines of standard output. */
  readonly lines: string[] = [];
  readonly #command: string;
  readonly #terminal: boolean;
  readonly #closed: Promise<void>;
  #ended = false;
  #lineStart = 0;
  readonly #changes = new EventEmitter();

  constructor(
    command: string,
    args: readonly string[],
    { env = {}, cwd, input = '', keepInputOpen = false, terminal = false, ipc = false }: ProcessOptions = {},
  ) {
    const { PATH = '', HOME = '' } = process.env;
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])];
    this.#command = [command, ...args].join(' ');
    this.#terminal = terminal;
    this.#changes.setMaxListeners(0);
    this.child = spawn(command, args, {
      env: { PATH, HOME, ...env },
      ...(cwd ? { cwd } : {}),
      stdio,
      detached: true,
    });
    const { child } = this;
    opened(this, `the process ${child.pid}: ${this.#command}`);
    const callOff =
      child.pid === undefined ? () => {} : whenThisProcessEnds('kill -9 "-$0"', String(child.pid));
    this.#closed = new Promise((resolve) => {
      child.once('close', () => {
        this.#ended = true;
        callOff();
        closed(this);
        this.#changes.emit('change');
        resolve();
      });
    });
    child.once('error', (error) => this.#write('stderr', `${error.message}\n`)); // it cannot be started
    child.stdout?.setEncoding('utf8').on('data', (text) => this.#write('stdout', text));
    child.stderr?.setEncoding('utf8').on('data', (text) => this.#write('stderr', text));
    child.stdin?.on('error', () => {}); // it may end without reading
    child.stdin?.write(input);
    if (!keepInputOpen) child.stdin?.end();
  }

  /** A script that runs in Node.js. */
  static node(script: string | URL, args: readonly string[] = [], options?: ProcessOptions): Process {
    const path = typeof script === 'string' ? script : fileURLToPath(script);
    return new Process(process.execPath, [path, ...args], options);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** All that it has written. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** Writes to its standard input, which has to be open. */
  write(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Resolves once `condition` holds, looked at whenever it writes; rejects with what it wrote if it ends before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended) {
        throw new Error(`The process has ended too early: ${this.#command}\n${this.output}`);
      }
      await once(this.#changes, 'change');
    }
  }

  /** Resolves with its nth line, counted from 0; rejects if it ends before. */
  async line(n: number): Promise<string> {
    await this.until(() => this.lines.length > n);
    return this.lines[n] as string;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#terminal) this.#killGroup(signal);
    else this.child.kill(signal);
  }

  /** Sends a signal and resolves with the exit code, null if the signal has ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.kill(signal);
    return this.exited();
  }

  /** Asks it to end (SIGTERM); if it has not in time, it is killed, and so is in any case what it has left of its group. */
  async end(withinMs = 5_000): Promise<void> {
    const timer = setTimeout(() => this.#killGroup('SIGKILL'), withinMs);
    this.child.once('exit', () => this.#killGroup('SIGKILL'));
    await this.stop();
    clearTimeout(timer);
  }

  /** Resolves with the exit code once the process has ended and all that it wrote has been read. */
  async exited(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#killGroup('SIGKILL');
    await this.#closed;
  }

  #write(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    if (stream === 'stdout') {
      for (
        let end = this.stdout.indexOf('\n', this.#lineStart);
        end >= 0;
        end = this.stdout.indexOf('\n', this.#lineStart)
      ) {
        this.lines.push(this.stdout.slice(this.#lineStart, end));
        this.#lineStart = end + 1;
      }
    }
    this.#changes.emit('change');
  }

  #killGroup(signal: NodeJS.Signals): void {
    if (this.child.pid !== undefined && !this.#ended) killGroup(this.child.pid, signal);
  }
}

/** Runs a command to its end; rejects with what it wrote if its exit code is not 0. */
export async function run(
  command: string,
  args: readonly string[],
  options?: ProcessOptions,
): Promise<{ stdout: string; stderr: string }> {
  const child = new Process(command, args, options);
  const code = await child.exited();
  const { stdout, stderr, output } = child;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`);
  return { stdout, stderr };
}
