import {
  type AppendOutcome,
  DEAD_LETTER_WINDOW_MS,
  type IdempotencyRecord,
  type SteadyClock,
} from '@ganomede/events-store';
import type { CommitQueue, Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { type Expiries, expiriesEnd, expiriesFrom, expiryKey, idempotencyKey, type Key } from './keys.js';

/** Most records that one commit removes: writes wait for it. */
const MAX_STEP = 500;

const NOTHING = Buffer.alloc(0);

/** The first append that used a record. */
interface FirstUse {
  /** When it is forgotten, by the steady clock. */
  readonly expires: number;
  readonly firstId: number;
  readonly timestamp: number;
  readonly fingerprint: string;
}

/** What became of the append that used the record first, if it did so in time; in this draft too. `now`: by the steady clock. */
export function findFirstUse(
  draft: Draft,
  { scope, fingerprint }: IdempotencyRecord,
  now: number,
): AppendOutcome | undefined {
  const stored = draft.get(idempotencyKey(scope));
  const firstUse = stored && decodeFirstUse(stored);
  if (firstUse === undefined || firstUse.expires <= now) return undefined;
  if (firstUse.fingerprint !== fingerprint) return { kind: 'key-reused' };
  return { kind: 'repeated', firstId: firstUse.firstId, timestamp: firstUse.timestamp };
}

/** To be written by the transaction that writes the events. */
export function recordFirstUse(
  draft: Draft,
  { scope, fingerprint, windowMs }: IdempotencyRecord,
  { firstId, timestamp }: Pick<FirstUse, 'firstId' | 'timestamp'>,
  now: number,
): void {
  const expires = now + windowMs;
  draft.set(idempotencyKey(scope), encodeFirstUse({ expires, firstId, timestamp, fingerprint }));
  draft.add(expiryKey(expiriesOf(windowMs), expires, scope), NOTHING);
}

/** Removes the records that have expired, a step at a time, beside other writes. */
export class ExpiredRecords {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #clock: SteadyClock;
  #removing: Promise<void> | undefined;
  #closed = false;

  constructor(database: Database, commits: CommitQueue, clock: SteadyClock) {
    this.#database = database;
    this.#commits = commits;
    this.#clock = clock;
  }

  /** Does nothing while it runs. */
  remove(): void {
    if (this.#closed) return;
    this.#removing ??= this.#remove()
      .catch(() => {
        // The disk is full or away; the next time.
      })
      .finally(() => {
        this.#removing = undefined;
      });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#removing;
  }

  async #remove(): Promise<void> {
    while (!this.#closed && this.#expired().length > 0) {
      await this.#commits.write({
        subject: 'the removal of old idempotency records',
        bytes: 0,
        fromReserve: true,
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

  /** Keys of the oldest that have expired; at most one step. */
  #expired(): Key[] {
    const keys: Key[] = [];
    for (const expiries of ['x', 'y'] as const) {
      const [start, end] = [expiriesFrom(expiries, 0), expiriesFrom(expiries, this.#clock.now())];
      const left = MAX_STEP - keys.length;
      if (left > 0) for (const key of this.#database.keys(start, end, left)) keys.push(key);
    }
    return keys;
  }
}

/** Where records of this window are to be forgotten. */
export function expiriesOf(windowMs: number): Expiries {
  return windowMs === DEAD_LETTER_WINDOW_MS ? 'y' : 'x';
}

/**
 * Sees to it that no record of this window lasts longer than that from now: those of a process that had begun while the clock
 * was ahead would last until the clock is there again.
 */
export function boundWindows(database: Database, clock: SteadyClock, windowMs: number): void {
  const expiries = expiriesOf(windowMs);
  for (const { key } of database.rangeBackward(expiriesEnd(expiries), expiriesFrom(expiries, 0))) {
    clock.notBefore(Number(key[1]) - windowMs);
    return;
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
