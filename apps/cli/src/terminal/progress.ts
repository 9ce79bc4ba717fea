import type { Output } from './terminal.js';
import { number } from './wording.js';

const WIDTH = 30;
/** Drawn at most so often, milliseconds. */
const EVERY_MS = 100;

/** A bar on a terminal, nothing anywhere else. `end` takes it away. */
export class Progress {
  readonly #stream: Output;
  readonly #label: string;
  /** Undefined: nobody knows. */
  readonly #total: number | undefined;
  readonly #startedAt = performance.now();
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(stream: Output, label: string, total?: number) {
    this.#stream = stream;
    this.#label = label;
    this.#total = total;
  }

  /** So much is done. */
  show(done: number): void {
    const now = performance.now();
    if (!this.#stream.isTTY || now - this.#drawnAt < EVERY_MS) return;
    this.#drawnAt = now;
    const perSecond = Math.round(done / Math.max((now - this.#startedAt) / 1000, 0.001));
    const of = this.#total === undefined ? '' : ` of ${number(this.#total)}`;
    this.#draw(`${this.#label} ${this.#bar(done)}${number(done)}${of}, ${number(perSecond)}/s`);
  }

  end(): void {
    if (this.#drawnAt !== Number.NEGATIVE_INFINITY) this.#draw('');
  }

  #bar(done: number): string {
    if (this.#total === undefined) return '';
    const filled = Math.round((WIDTH * Math.min(done, this.#total)) / Math.max(this.#total, 1));
    return `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} `;
  }

  /** In place of what stands there. */
  #draw(text: string): void {
    // Terminals that nobody has told their size say 0.
    this.#stream.write(`\r\u001b[K${text.slice(0, (this.#stream.columns || 80) - 1)}`);
  }
}
