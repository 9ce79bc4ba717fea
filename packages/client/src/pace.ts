import { Backoff, type BackoffBounds } from './backoff.js';
import { mayYetSucceed, RequestError } from './errors.js';

/** An empty reply that takes less than this many milliseconds did not wait for an event. */
const EARLY_REPLY_MS = 50;

/** How a server is slowed down that answers "nothing new" without waiting. Milliseconds. */
const EARLY_REPLY_BOUNDS: BackoffBounds = { baseMs: 50, maxMs: 1000, slowMs: 1000 };

/** The pace of one who reads; `bounds`: of the pauses after failed reads. */
export function paceOf(bounds: BackoffBounds): Pace {
  return new Pace(new Backoff(bounds), new Backoff(EARLY_REPLY_BOUNDS));
}

/** When the next read of a channel may begin. */
export class Pace {
  readonly #failures: Backoff;
  readonly #earlyReplies: Backoff;
  /** On the clock of `performance.now()`. */
  #notBefore = 0;

  /**
   * @param failures after failed reads
   * @param earlyReplies after empty replies that came at once, from a server that does not wait
   */
  constructor(failures: Backoff, earlyReplies: Backoff) {
    this.#failures = failures;
    this.#earlyReplies = earlyReplies;
  }

  /** How long the next read has to wait, in milliseconds; 0 or less if it may begin. */
  get pauseMs(): number {
    return this.#notBefore - performance.now();
  }

  /** A read that began at `startedAt` (on the clock of `performance.now()`) brought so many events. */
  succeeded(startedAt: number, events: number): void {
    this.#failures.reset();
    const now = performance.now();
    if (events > 0 || now - startedAt >= EARLY_REPLY_MS) this.#earlyReplies.reset();
    else this.#notBefore = now + this.#earlyReplies.next();
  }

  failed(error: unknown): void {
    const retryAfterMs = error instanceof RequestError ? error.retryAfterMs : undefined;
    this.#notBefore = performance.now() + this.#failures.next({ retryAfterMs, slow: isRefusal(error) });
  }
}

/** Whether the server will say the same next time. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RequestError && !mayYetSucceed(error);
}
