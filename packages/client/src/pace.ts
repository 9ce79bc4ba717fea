import type { Backoff } from './backoff.js';
import { isTemporary, RequestError } from './errors.js';

/** An empty reply that takes less than this many milliseconds did not wait for an event. */
const HASTY_MS = 50;

/** When the next read of a channel may begin. */
export class Pace {
  readonly #failures: Backoff;
  readonly #hasty: Backoff;
  /** On the clock of `performance.now()`. */
  #notBefore = 0;

  /**
   * @param failures after failed reads
   * @param hasty after empty replies that came at once, from a server that does not wait
   */
  constructor(failures: Backoff, hasty: Backoff) {
    this.#failures = failures;
    this.#hasty = hasty;
  }

  /** How long the next read has to wait, in milliseconds; 0 or less where it may begin. */
  get pauseMs(): number {
    return this.#notBefore - performance.now();
  }

  /** A read that began at `startedAt` (on the clock of `performance.now()`) brought so many events. */
  succeeded(startedAt: number, events: number): void {
    this.#failures.reset();
    const now = performance.now();
    if (events > 0 || now - startedAt >= HASTY_MS) this.#hasty.reset();
    else this.#notBefore = now + this.#hasty.next();
  }

  failed(error: unknown): void {
    const retryAfterMs = error instanceof RequestError ? error.retryAfterMs : undefined;
    this.#notBefore = performance.now() + this.#failures.next({ retryAfterMs, slow: isRefusal(error) });
  }
}

/** Whether the server will say the same next time. */
export function isRefusal(error: unknown): boolean {
  const status = error instanceof RequestError ? error.statusCode : undefined;
  return status !== undefined && !isTemporary(status);
}
