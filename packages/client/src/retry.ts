import { type Backoff, sleep } from './backoff.js';
import { mayYetSucceed, orEarlier, RequestError } from './errors.js';
import { isUnreachable, type Outage } from './outage.js';

/** One attempt gets at least so many milliseconds, or all that are left. */
const MIN_ATTEMPT_MS = 1000;

export interface RetryOptions {
  /** All attempts together may take this long, in milliseconds. */
  readonly timeoutMs: number;
  readonly backoff: Backoff;
  readonly outage: Outage;
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
  { timeoutMs, backoff, outage, signal }: RetryOptions,
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
      const overAfter = overIn(error, { startedAt, timeoutMs, outage });
      if (delayMs >= overAfter.ms) throw gaveUp(error, attempts, overAfter.bound);
      await sleep(delayMs, signal);
    }
  }
}

/** How long an attempt may take, milliseconds, of a time in which there are to be several. */
export function attemptMs(timeoutMs: number, leftMs: number): number {
  return Math.min(leftMs, Math.max(Math.ceil(timeoutMs / 3), MIN_ATTEMPT_MS));
}

/** For how long a request may still be tried after this error, milliseconds, and the option that says so. */
export function overIn(
  error: RequestError,
  at: { readonly startedAt: number; readonly timeoutMs: number; readonly outage: Outage },
): { readonly ms: number; readonly bound: string } {
  const ms = at.startedAt + at.timeoutMs - performance.now();
  const outageMs = isUnreachable(error) ? at.outage.endsIn(at.startedAt) : ms;
  if (outageMs < ms) return { ms: outageMs, bound: `unreachableMs ${at.outage.toleratedMs}` };
  return { ms, bound: `sendTimeoutMs ${at.timeoutMs}` };
}

/** The error of a request whose time is over, by this bound. */
export function gaveUp(error: RequestError, attempts: number, bound: string): RequestError {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return new RequestError(`Gave up after ${tries}, with ${bound}: ${error.message}`, {
    ...error,
    cause: error.cause,
  });
}
