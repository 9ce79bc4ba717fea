import { createHash } from 'node:crypto';
import { EventsError } from '@ganomede/events-protocol';
import type { Idempotency, StoreOptions } from './event-store.js';

const DEFAULT_WINDOW_MS = 600_000;

/** What a store remembers an append with an idempotency key by: two hashes, 43 characters of base64url each. */
export interface IdempotencyMark extends Idempotency {
  /** Stands for the client, the channel name and the key. */
  readonly scope: string;
  /** Stands for the events: the same key with another fingerprint is a mistake of the publisher. */
  readonly fingerprint: string;
}

/** An event as far as it is decided before it is stored. */
interface SerialisedEvent {
  readonly text: string;
  readonly filed: string | undefined;
}

export function idempotencyMark(
  name: string,
  idempotency: Idempotency,
  events: readonly SerialisedEvent[],
): IdempotencyMark {
  const { clientId, key } = idempotency;
  const scope = createHash('sha256').update(JSON.stringify([clientId, name, key]));
  const fingerprint = createHash('sha256');
  // Neither has a line break of its own.
  for (const { text, filed = '' } of events) fingerprint.update(`${filed}\n${text}\n`);
  return {
    ...idempotency,
    scope: scope.digest('base64url'),
    fingerprint: fingerprint.digest('base64url'),
  };
}

/** What an append rejects with whose key was used for other events. */
export function idempotencyKeyReused({ clientId, key }: Idempotency): EventsError {
  return new EventsError(
    'IdempotencyKeyReused',
    `Idempotency-Key ${JSON.stringify(key)} of client ${JSON.stringify(clientId)}: expected the events that it was used for first, got others`,
  );
}

/**
 * How long a key is remembered, whole milliseconds.
 *
 * @throws RangeError where the option is invalid.
 */
export function idempotencyWindow({ idempotencyWindowMs = DEFAULT_WINDOW_MS }: StoreOptions): number {
  if (!Number.isSafeInteger(idempotencyWindowMs) || idempotencyWindowMs < 1) {
    throw new RangeError(
      `Invalid idempotencyWindowMs: expected an integer from 1, got ${idempotencyWindowMs}`,
    );
  }
  return idempotencyWindowMs;
}
