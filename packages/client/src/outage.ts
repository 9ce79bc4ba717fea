import type { RequestError } from './errors.js';

/** What Node.js says of a server that is not there, or has just gone. */
const UNREACHABLE = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT'],
  ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENOTFOUND', 'EAI_AGAIN'],
]);

/**
 * Whether a server can be reached, as all requests of a client find it. A short outage (a restart, say) is no news: it is told once
 * it has lasted for `toleratedMs`.
 */
export class Outage {
  readonly toleratedMs: number;
  /** When its first request failed, on the clock of `performance.now()`. */
  #since: number | undefined;

  constructor(toleratedMs: number) {
    this.toleratedMs = toleratedMs;
  }

  /** The server has answered, whatever it has said. */
  over(): void {
    this.#since = undefined;
  }

  /** A request has had no answer. */
  failed(error: RequestError): void {
    if (isUnreachable(error)) this.#since ??= performance.now();
  }

  /** Whether the error is one that will perhaps be over soon. */
  tolerates(error: RequestError): boolean {
    return isUnreachable(error) && this.endsIn(Number.NEGATIVE_INFINITY) > 0;
  }

  /** For how long it is tolerated by somebody who has begun to ask then, milliseconds; 0 or less if no longer. */
  endsIn(startedAt: number): number {
    const now = performance.now();
    return Math.max(this.#since ?? now, startedAt) + this.toleratedMs - now;
  }
}

/** Whether there was no connection, or it ended without an answer. */
export function isUnreachable({ code, statusCode }: RequestError): boolean {
  return statusCode === undefined && UNREACHABLE.has(code);
}
