import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A script of children/ that runs in a process of its own, on the built package. */
export class Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly exited: Promise<unknown>;
  /** Every line that it has written so far. */
  readonly lines: string[] = [];
  errors = '';
  #next: (() => void)[] = [];

  constructor(script: string, args: readonly string[]) {
    const path = fileURLToPath(new URL(`../children/${script}`, import.meta.url));
    this.process = spawn(process.execPath, [path, ...args]);
    this.exited = once(this.process, 'close').then(() => this.#wake());
    createInterface(this.process.stdout).on('line', (line) => {
      this.lines.push(line);
      this.#wake();
    });
    this.process.stderr.on('data', (text) => {
      this.errors += text;
    });
  }

  /** Resolves with its nth line, counted from 0; rejects where it ends before. */
  async line(n: number): Promise<string> {
    for (;;) {
      const line = this.lines[n];
      if (line !== undefined) return line;
      const { exitCode, signalCode } = this.process;
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`The child ended early (${exitCode ?? signalCode}): ${this.errors}`);
      }
      await new Promise<void>((resolve) => this.#next.push(resolve));
    }
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }

  #wake(): void {
    for (const resolve of this.#next.splice(0)) resolve();
  }
}
