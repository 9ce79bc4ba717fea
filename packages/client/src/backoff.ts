/** How long to wait between attempts. All in milliseconds. */
export interface BackoffBounds {
  /** The first retry waits at most this long; the bound doubles with each failure in a row. */
  readonly baseMs: number;
  /** Where the doubling ends. */
  readonly maxMs: number;
  /** What a retry waits (half to all of it) if trying again is not expected to help. */
  readonly slowMs: number;
}

/** What is known about a failure. */
export interface FailureHint {
  /** The server's `Retry-After`, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** The same request is not expected to succeed. */
  readonly slow?: boolean;
}

/**
 * Exponential back-off with full jitter: the n-th delay in a row is a random time below `baseMs * 2^(n-1)` and `maxMs`, so
 * that a thousand clients of one server that went away do not come back all at once, and none later than `maxMs`. The mean
 * of a long row is half of `maxMs`: n clients send a server that is away, or is back, 2,000 × n / maxMs requests a second.
 */
export class Backoff {
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;
  #failures = 0;

  /** `random` returns a number from 0 up to but not including 1. */
  constructor(bounds: BackoffBounds, random: () => number = Math.random) {
    this.#bounds = bounds;
    this.#random = random;
  }

  /** Counts a failure and returns how long to wait before the next attempt, in milliseconds. */
  next({ retryAfterMs = 0, slow = false }: FailureHint = {}): number {
    const { baseMs, maxMs, slowMs } = this.#bounds;
    const bound = Math.min(maxMs, baseMs * 2 ** this.#failures);
    this.#failures += 1;
    if (retryAfterMs > 0) {
      // Everybody was told the same time, perhaps at the same time, and it is a minimum: the returns are spread behind it,
      // over as long again, or over what is left of the bound.
      const spread = Math.max(Math.min(retryAfterMs, maxMs), bound - retryAfterMs);
      return retryAfterMs + this.#random() * spread;
    }
    if (slow) return slowMs / 2 + (this.#random() * slowMs) / 2;
    return this.#random() * bound;
  }

  /** The last attempt succeeded. */
  reset(): void {
    this.#failures = 0;
  }
}

/** A server that asks for more is asked again after this; also keeps timers within what `setTimeout` can count. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * The `Retry-After` header in milliseconds from `now` (milliseconds since the Unix epoch): whole seconds or an HTTP date
 * (RFC 9110, 10.2.3), at most one hour. Undefined if there is none, or nothing that can be understood.
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  let ms = Number.NaN;
  if (/^\d+$/.test(text)) ms = Number(text) * 1000;
  // All three forms of an HTTP date begin with the name of a day; Date.parse alone would also take "-5".
  else if (/^[A-Za-z]{3}/.test(text)) ms = Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** Resolves after `ms` milliseconds, or at once when `signal` is aborted; never rejects, leaves nothing behind. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
