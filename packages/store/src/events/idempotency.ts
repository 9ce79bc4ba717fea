import { createHash } from 'node:crypto';
import { EventsError } from '@ganomede/events-protocol';
import type { IdempotencyRecord } from '../storage.js';
import type { SerialisedEvent } from './serialise.js';

/** Names one append of one client on one channel name, so that it can be sent again. */
export interface Idempotency {
  readonly clientId: string;
  /** 1 to 255 characters. */
  readonly key: string;
}

/** Characters that are kept of each hash: 132 bits, in half the memory of all of them. */
const HASH_LENGTH = 22;

/** What an engine remembers of an append to the channel name `name`. */
export function idempotencyRecord(
  name: string,
  { clientId, key }: Idempotency,
  events: readonly SerialisedEvent[],
  windowMs: number,
): IdempotencyRecord {
  // Neither has a line break of its own. Hashed at once: by each event it takes 1.6 times as long.
  let content = '';
  // Who sends an event again may do so in another trace.
  for (const { text, untraced = text, filed = '' } of events) content += `${filed}\n${untraced}\n`;
  return {
    scope: hashOf(JSON.stringify([clientId, name, key])),
    fingerprint: hashOf(content),
    windowMs,
  };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, HASH_LENGTH);
}

/** What an append rejects with if its key was used for other events. */
export function idempotencyKeyReused({ clientId, key }: Idempotency): EventsError {
  return new EventsError(
    'IdempotencyKeyReused',
    `Idempotency-Key ${JSON.stringify(key)} of client ${JSON.stringify(clientId)}: expected the events that it was used for first, got others`,
  );
}
