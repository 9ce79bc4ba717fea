import type { EventPage } from '../events/event-page.js';
import { Poll } from './poll.js';

export interface PollOptions {
  /** Longest wait in milliseconds; 0 answers at once. */
  readonly timeoutMs: number;
  /** Ends the wait; the poll then resolves with an empty page, as on a time-out. */
  readonly signal?: AbortSignal | undefined;
}

/** A poll that settles a promise. */
export class PromisedPoll extends Poll {
  /** What was found; rejects if the store failed. */
  readonly page: Promise<EventPage>;
  readonly #signal: AbortSignal | undefined;
  #resolve!: (page: EventPage) => void;
  #reject!: (error: unknown) => void;

  constructor({ timeoutMs, signal }: PollOptions) {
    super(timeoutMs);
    this.page = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#signal = signal;
    if (signal?.aborted) this.stop();
    else signal?.addEventListener('abort', this, { once: true });
  }

  /** Called by the signal. */
  handleEvent(): void {
    this.stop();
  }

  override found(page: EventPage): void {
    this.#signal?.removeEventListener('abort', this);
    this.#resolve(page);
  }

  override failed(error: unknown): void {
    this.#signal?.removeEventListener('abort', this);
    this.#reject(error);
  }
}
