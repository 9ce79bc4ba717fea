import type { EventHeader, EventsError } from '@ganomede/events-protocol';
import { type IdempotencyRecord, idempotencyKeyReused } from '@ganomede/events-store';
import type { Appended } from './append.js';
import type { CommitQueue, Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { expiriesFrom, expiryKey, idempotencyKey, type Key } from './keys.js';

/** Most keys that one commit forgets: writes wait for it. */
const MAX_STEP = 500;

const NOTHING = Buffer.alloc(0);

/** What has become of an append with an idempotency key. */
export type Outcome =
  | { readonly kind: 'appended'; readonly headers: EventHeader[]; readonly appended: Appended }
  | { readonly kind: 'repeated'; readonly headers: EventHeader[] }
  | { readonly kind: 'rejected'; readonly error: EventsError };

/** The first append that used a key. */
interface FirstUse {
  /** When it is forgotten, milliseconds since the Unix epoch. */
  readonly expires: number;
  readonly firstId: number;
  readonly timestamp: number;
  readonly fingerprint: string;
}

/**
 * The idempotency keys that were used. A key is written by the transaction that writes its events. Those that have
 * expired are removed when the store opens and after each append with a key, a step at a time.
 */
export class IdempotencyKeys {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #windowMs: number;
  #sweeping: Promise<void> | undefined;
  #closed = false;

  constructor(database: Database, commits: CommitQueue, windowMs: number) {
    this.#database = database;
    this.#commits = commits;
    this.#windowMs = windowMs;
  }

  /** Runs `append`, which takes `count` ids, unless the key was used in time, in this draft too. */
  plan(draft: Draft, mark: IdempotencyRecord, count: number, append: () => Appended): Outcome {
    const { scope, fingerprint } = mark;
    const now = Date.now();
    const stored = draft.get(idempotencyKey(scope));
    const known = stored && decodeFirstUse(stored);
    if (known !== undefined && known.expires > now) {
      if (known.fingerprint !== fingerprint) return { kind: 'rejected', error: idempotencyKeyReused(mark) };
      const { firstId, timestamp } = known;
      const headers = Array.from({ length: count }, (_, i) => ({ id: firstId + i, timestamp }));
      return { kind: 'repeated', headers };
    }
    const appended = append();
    const { headers } = appended;
    const { id: firstId = 0, timestamp = now } = headers[0] ?? {};
    const expires = now + this.#windowMs;
    draft.set(idempotencyKey(scope), encodeFirstUse({ expires, firstId, timestamp, fingerprint }));
    draft.add(expiryKey(expires, scope), NOTHING);
    return { kind: 'appended', headers, appended };
  }

  /** Removes what has expired, beside other writes. */
  sweep(): void {
    if (this.#closed) return;
    this.#sweeping ??= this.#sweep()
      .catch(() => {
        // The disk is full or away; the next time.
      })
      .finally(() => {
        this.#sweeping = undefined;
      });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    while (!this.#closed && this.#expired().length > 0) {
      await this.#commits.write({
        subject: 'the removal of old idempotency keys',
        bytes: 0,
        plan: (draft) => {
          for (const key of this.#expired()) {
            draft.remove(key);
            const [, expires, scope] = key;
            const stored = draft.get(idempotencyKey(String(scope)));
            // It may have been used again since.
            if (stored && decodeFirstUse(stored).expires === expires) {
              draft.remove(idempotencyKey(String(scope)));
            }
          }
        },
      });
    }
  }

  /** The oldest that have expired; at most one step. */
  #expired(): Key[] {
    const keys: Key[] = [];
    for (const { key } of this.#database.range(expiriesFrom(0), expiriesFrom(Date.now()))) {
      keys.push(key);
      if (keys.length >= MAX_STEP) break;
    }
    return keys;
  }
}

/** Stored as `<expires> <first id> <timestamp> <fingerprint>`. */
function encodeFirstUse({ expires, firstId, timestamp, fingerprint }: FirstUse): Buffer {
  return Buffer.from(`${expires} ${firstId} ${timestamp} ${fingerprint}`);
}

function decodeFirstUse(value: Buffer): FirstUse {
  const [expires, firstId, timestamp, fingerprint = ''] = value.toString('latin1').split(' ');
  return { expires: Number(expires), firstId: Number(firstId), timestamp: Number(timestamp), fingerprint };
}
