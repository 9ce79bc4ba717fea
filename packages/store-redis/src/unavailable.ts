import { EventsError } from '@ganomede/events-protocol';

/**
 * What an error of a command says about it:
 *
 * - `refused`: Redis has not run it, and may run it if it is sent again at once
 * - `away`: it was not sent, or Redis says why it does not run it now
 * - `timeout`: no answer; it may have been run, or be run later
 * - `unknown`: the connection ended before the answer; it may have been run
 * - `other`: not an error of Redis or of its connection
 */
export type Failure = 'refused' | 'away' | 'timeout' | 'unknown' | 'other';

const REFUSED = /^(NOSCRIPT|MOVED|ASK|TRYAGAIN) |^All keys in the pipeline should belong to the same slots/;
/** An upper-case word begins every error that Redis replies. */
const REPLY = /^-?[A-Z]{2,} /;
const AWAY =
  /enableOfflineQueue|ClusterAllFailedError|None of startup nodes|Failed to refresh slots|ECONNREFUSED/;
const TIMEOUT = /^(Command|Blocking command) timed out/;
const UNKNOWN =
  /Connection is closed|max retries per request|Too many Cluster redirections|ECONNRESET|EPIPE|socket/i;
const UNKNOWN_NAMES = new Set(['MaxRetriesPerRequestError', 'AbortError', 'InterruptError']);

/** An append that is stored, but not yet where it has to be. */
export class TooFewReplicas extends Error {
  override readonly name = 'TooFewReplicas';

  constructor(replicas: number, expected: number) {
    super(
      `expected ${expected} replica(s) to have it in time, got ${replicas}; it is stored, a retry may store it twice`,
    );
  }
}

/** The one place that looks at the texts of ioredis and of Redis: most of their errors have no class or code. */
export function failureOf(error: unknown): Failure {
  if (error instanceof TooFewReplicas) return 'away';
  if (!(error instanceof Error)) return 'other';
  const text = error.message;
  if (REFUSED.test(text)) return 'refused';
  if (AWAY.test(text) || error.name === 'ClusterAllFailedError') return 'away';
  if (TIMEOUT.test(text)) return 'timeout';
  if (UNKNOWN_NAMES.has(error.name) || UNKNOWN.test(text)) return 'unknown';
  return error.name === 'ReplyError' || REPLY.test(text) ? 'away' : 'other';
}

/** What a method of the store rejects with where a command has failed; what is no failure of Redis stays as it is. */
export function unavailable(subject: string, address: string, cause: unknown): unknown {
  const failure = failureOf(cause);
  if (failure === 'other') return cause;
  const { message } = cause as Error;
  const doubt = failure === 'away' || failure === 'refused' ? '' : ', and it may have been done';
  const reason = /enableOfflineQueue/.test(message) ? 'the connection is down' : message;
  return new EventsError(
    'ServiceUnavailable',
    `Cannot ${subject} on Redis at ${address}: ${reason}${doubt}`,
    {
      cause,
    },
  );
}

/** Errors while connecting that no later attempt mends. */
export function isRefusal(error: unknown): boolean {
  return (
    error instanceof Error && /^(WRONGPASS|NOAUTH|NOPERM)\b|invalid password|ERR AUTH/i.test(error.message)
  );
}
