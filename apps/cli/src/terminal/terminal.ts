import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import pc from 'picocolors';
import { CliError, wrongUsage } from './cli-error.js';
import { type Column, table } from './table.js';

/** A stream of the process, which may be a terminal. */
export type Output = NodeJS.WritableStream & Pick<Partial<WriteStream>, 'isTTY' | 'hasColors' | 'columns'>;
export type Input = Readable & { readonly isTTY?: boolean };

export interface Streams {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}

/**
 * What a command reads and writes. Results go to standard output: tables and sentences for people, or with `isJson` one JSON text a
 * line. Everything else goes to standard error: questions, progress, what is worth knowing.
 */
export class Terminal {
  readonly stdin: Input;
  readonly stderr: Output;
  readonly isJson: boolean;
  /** Aborts when the command is to end early. */
  readonly signal: AbortSignal;
  /** Of results. */
  readonly colours: ReturnType<typeof pc.createColors>;
  readonly #stdout: Output;
  readonly #errorColours: ReturnType<typeof pc.createColors>;

  constructor({ stdin, stdout, stderr }: Streams, isJson: boolean, signal: AbortSignal) {
    this.stdin = stdin;
    this.stderr = stderr;
    this.isJson = isJson;
    this.signal = signal;
    this.#stdout = stdout;
    this.colours = coloursOf(stdout);
    this.#errorColours = coloursOf(stderr);
  }

  /** Writes a line of the result; resolves once there is room for the next. */
  async line(text: string): Promise<void> {
    if (this.#stdout.write(`${text}\n`) || this.signal.aborted) return;
    // Whoever stops is not kept by a reader that takes nothing.
    await once(this.#stdout, 'drain', { signal: this.signal }).catch(() => {});
  }

  /** A result: one JSON text, or a sentence for people. */
  async result(json: unknown, sentence: string): Promise<void> {
    await this.line(this.isJson ? JSON.stringify(json) : sentence);
  }

  /** A list: one JSON text a line, or a table for people, or this sentence if there is nothing. */
  async list<Row>(rows: readonly Row[], columns: readonly Column<Row>[], ifNone: string): Promise<void> {
    if (this.isJson) {
      for (const row of rows) await this.line(JSON.stringify(row));
    } else if (rows.length === 0) this.say(ifNone);
    else for (const line of table(columns, rows, this.colours.bold)) await this.line(line);
  }

  /** What is worth knowing, and no result. */
  say(sentence: string): void {
    this.stderr.write(`${sentence}\n`);
  }

  /** What is wrong, though the command goes on. */
  warn(sentence: string): void {
    this.say(this.#errorColours.yellow(sentence));
  }

  /**
   * Asks before something that cannot be taken back. `question` says all of it.
   *
   * @throws CliError if the answer is not yes, or if there is nobody to answer
   */
  async confirm(question: string, isYes: boolean): Promise<void> {
    if (isYes) return;
    if (!this.stdin.isTTY || !this.stderr.isTTY) {
      throw wrongUsage(`${question} There is no terminal to answer at: add --yes to do it.`);
    }
    const answer = await this.#ask(`${question} Continue? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was done.');
  }

  /** The line that is typed; empty if nobody answers. */
  async #ask(question: string): Promise<string> {
    const lines = createInterface({ input: this.stdin, output: this.stderr });
    try {
      return await new Promise((resolve) => {
        lines.once('close', () => resolve(''));
        // While it reads, Ctrl-C comes as a key.
        lines.once('SIGINT', () => {
          this.stderr.write('\n');
          process.kill(process.pid, 'SIGINT');
        });
        this.signal.addEventListener('abort', () => resolve(''), { once: true });
        lines.question(question, resolve);
      });
    } finally {
      lines.close();
    }
  }
}

/** Only where they are seen; `NO_COLOR` and `TERM=dumb` are looked at by Node.js. */
function coloursOf(stream: Output): ReturnType<typeof pc.createColors> {
  return pc.createColors(stream.isTTY === true && stream.hasColors?.() === true);
}
