import type { EventHeader } from '@ganomede/events-protocol';
import type { HttpTarget } from './attempt.js';
import { type Backoff, sleep } from './backoff.js';
import { isTemporary, RequestError } from './errors.js';
import { type Expected, request } from './http.js';

const HEADER: Expected<EventHeader> = { what: 'an event header {id, timestamp}', matches: isHeader };

/** One publish. */
export interface Publish {
  readonly target: HttpTarget;
  /** JSON text of the request's body. */
  readonly body: string;
  /** All attempts together may take this long, in milliseconds. */
  readonly timeoutMs: number;
  readonly backoff: Backoff;
  readonly signal: AbortSignal;
}

/**
 * Publishes an event, again and again where that is safe, until `timeoutMs` is over.
 *
 * @throws RequestError of the last attempt. Its `maybeProcessed` says whether the event may be stored all the same.
 */
export async function publish({ target, body, timeoutMs, backoff, signal }: Publish): Promise<EventHeader> {
  const startedAt = performance.now();
  for (let attempts = 1; ; attempts += 1) {
    const leftMs = Math.max(1, Math.ceil(startedAt + timeoutMs - performance.now()));
    try {
      return await request(target, { method: 'POST', body, timeoutMs: leftMs, signal }, HEADER);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.code === 'Timeout') throw gaveUp(error, attempts, timeoutMs);
      if (!isSafeToRepeat(error)) throw error;
      const delayMs = backoff.next(error);
      // An attempt that could only begin when the time is over helps nobody: say so now.
      if (performance.now() - startedAt + delayMs >= timeoutMs) throw gaveUp(error, attempts, timeoutMs);
      await sleep(delayMs, signal);
    }
  }
}

/**
 * Whether a failed publish may be sent again without the risk that the event is stored twice: only where the server
 * certainly did not store it (no connection, a request that never was complete, or a status that says so) and where the
 * same request may succeed later.
 *
 * A publish carries nothing by which the server could recognise a repetition. Once it does (`Idempotency-Key`), this is
 * the place to let time-outs, lost replies and every 5xx through.
 */
function isSafeToRepeat(error: RequestError): boolean {
  if (error.maybeProcessed || error.code === 'Closed') return false;
  return error.statusCode === undefined || isTemporary(error.statusCode);
}

function gaveUp(error: RequestError, attempts: number, timeoutMs: number): RequestError {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return new RequestError(`Gave up after ${tries}, with sendTimeoutMs ${timeoutMs}: ${error.message}`, {
    ...error,
    cause: error.cause,
  });
}

function isHeader(reply: unknown): reply is EventHeader {
  if (typeof reply !== 'object' || reply === null) return false;
  const { id, timestamp } = reply as { id?: unknown; timestamp?: unknown };
  return Number.isSafeInteger(id) && Number.isSafeInteger(timestamp);
}
