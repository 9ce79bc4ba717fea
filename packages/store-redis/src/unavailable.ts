import { EventsError } from '@ganomede/events-protocol';

/**
 * What an error of a command says about it:
 *
 * - `refused`: Redis has not run it, and may run it if it is sent again at once
 * - `away`: it was not sent, or Redis says why it does not run it now
 * - `timeout`: no answer; it may have been run, or be run later
 * - `unknown`: the connection ended before the answer; it may have been run
 */
export type Failure = 'refused' | 'away' | 'timeout' | 'unknown';

const REFUSED = /^(NOSCRIPT|MOVED|ASK|TRYAGAIN) |^All keys in the pipeline should belong to the same slots/;
const AWAY = /enableOfflineQueue|None of startup nodes|Failed to refresh slots|ECONNREFUSED/;
const TIMEOUT = /^(Command|Blocking command) timed out/;

/** An append that is stored, but not yet where it has to be. */
export class TooFewReplicas extends Error {
  override readonly name = 'TooFewReplicas';

  /** `found` is how many have it, or why Redis does not tell. */
  constructor(found: number | string, expected: number) {
    super(
      `expected ${expected} replica(s) to have it in time, got ${found}; it is stored, a retry may store it twice`,
    );
  }
}

/** An error that Redis has told in a reply. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

/** The one place that looks at the texts of ioredis and of Redis: most of their errors have no class or code. */
export function failureOf(error: unknown): Failure {
  if (error instanceof TooFewReplicas) return 'away';
  const { name, message } = error as Error;
  if (REFUSED.test(message)) return 'refused';
  // What Redis replies in words is a refusal.
  if (name === 'ReplyError' || name === 'ClusterAllFailedError' || AWAY.test(message)) return 'away';
  return TIMEOUT.test(message) ? 'timeout' : 'unknown';
}

/** What a method of the store rejects with if a command has failed; `subject` says what could not be done. */
export function unavailable(subject: string, address: string, cause: unknown): EventsError {
  const failure = failureOf(cause);
  const { message } = cause as Error;
  const doubt = failure === 'away' || failure === 'refused' ? '' : ', and it may have been done';
  // ioredis names its options.
  const isDown = message.includes('enableOfflineQueue');
  const reason = isDown
    ? 'the connection is down'
    : message.includes('maxRetriesPerRequest')
      ? 'the connection was lost'
      : message;
  const text = `Cannot ${subject} on Redis at ${address}: ${reason}${doubt}`;
  return new EventsError('ServiceUnavailable', text, { cause });
}

/** Whether Redis has replied to a command of a method that it does not run it. */
export function isRefused(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof Error && cause.name === 'ReplyError';
}

/** Whether Redis has refused a command of a method because its keys lie in different slots. */
export function isCrossSlot(error: unknown): boolean {
  return isRefused(error) && ((error as Error).cause as Error).message.startsWith('CROSSSLOT ');
}

const REFUSAL =
  /^(WRONGPASS|NOAUTH|NOPERM)\b|invalid password|ERR AUTH|Unknown RESP type|cluster support disabled/i;

/** Errors while connecting that no later attempt mends. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && REFUSAL.test(error.message);
}

/** Why there is no connection, in words. */
export function reasonOf({ message }: Error): string {
  if (/No such master with that name|got an invalid reply: null$/.test(message))
    return 'no Sentinel knows a master of that name';
  const [, noSentinel] = /sentinel (\S+) because .*unknown command .?sentinel/i.exec(message) ?? [];
  if (noSentinel !== undefined) return `expected a Sentinel at ${noSentinel}, found a Redis`;
  if (/cluster support disabled/i.test(message)) return 'expected a Redis Cluster, found a single Redis';
  return message;
}
