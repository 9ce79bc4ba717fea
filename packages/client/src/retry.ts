import { type Backoff, sleep } from './backoff.js';
import { mayYetSucceed, orEarlier, RequestError } from './errors.js';

/** One attempt gets at least so many milliseconds, or all that are left. */
const MIN_ATTEMPT_MS = 1000;

export interface RetryOptions {
  /** All attempts together may take this long, in milliseconds. */
  readonly timeoutMs: number;
  readonly backoff: Backoff;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes a request again and again, with pauses, for as long as another attempt may succeed and `timeoutMs` is not over.
 * `attempt` gets how long it may take, a third of it all: a server that has stopped answering does not use up the time in
 * which another one would.
 *
 * @throws RequestError of the last attempt; its `maybeProcessed` is true if that of any attempt was.
 */
export async function retried<Content>(
  attempt: (timeoutMs: number) => Promise<Content>,
  { timeoutMs, backoff, signal }: RetryOptions,
): Promise<Content> {
  const startedAt = performance.now();
  let maybeProcessed = false;
  for (let attempts = 1; ; attempts += 1) {
    const leftMs = Math.max(1, Math.ceil(startedAt + timeoutMs - performance.now()));
    try {
      return await attempt(attemptMs(timeoutMs, leftMs));
    } catch (cause) {
      if (!(cause instanceof RequestError)) throw cause;
      const error = orEarlier(cause, maybeProcessed);
      maybeProcessed = error.maybeProcessed;
      if (error.code === 'Closed' || !mayYetSucceed(error)) throw error;
      const delayMs = backoff.next(error);
      // An attempt that could only begin when the time is over helps nobody: say so now.
      if (performance.now() - startedAt + delayMs >= timeoutMs) throw gaveUp(error, attempts, timeoutMs);
      await sleep(delayMs, signal);
    }
  }
}

/** How long an attempt may take, milliseconds, of a time in which there are to be several. */
export function attemptMs(timeoutMs: number, leftMs: number): number {
  return Math.min(leftMs, Math.max(Math.ceil(timeoutMs / 3), MIN_ATTEMPT_MS));
}

/** The error of a request whose time is over. */
export function gaveUp(error: RequestError, attempts: number, timeoutMs: number): RequestError {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return new RequestError(`Gave up after ${tries}, with sendTimeoutMs ${timeoutMs}: ${error.message}`, {
    ...error,
    cause: error.cause,
  });
}
