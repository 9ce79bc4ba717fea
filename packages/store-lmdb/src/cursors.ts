import type { ConsumerScope, CursorStorage, SavedCursor } from '@ganomede/events-store';
import type { CommitQueue } from './commit-queue.js';
import type { Database } from './database.js';
import { cursorKey, type Key } from './keys.js';
import { reading } from './storage-error.js';

/** The cursors of consumers. One that is saved where it is already costs no commit. */
export class Cursors implements CursorStorage {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #dataDir: string;

  constructor(database: Database, commits: CommitQueue, dataDir: string) {
    this.#database = database;
    this.#commits = commits;
    this.#dataDir = dataDir;
  }

  async load(consumer: ConsumerScope): Promise<SavedCursor | undefined> {
    return reading(this.#dataDir, `the cursor of ${JSON.stringify(consumer.clientId)}`, () => {
      const stored = this.#database.get(keyOf(consumer));
      return stored && decodeCursor(stored);
    });
  }

  async save(consumer: ConsumerScope, after: number, given: string | undefined): Promise<string | undefined> {
    const { clientId, channel } = consumer;
    const key = keyOf(consumer);
    return this.#commits.write({
      subject: `the cursor of ${JSON.stringify(clientId)} on channel ${JSON.stringify(channel)}`,
      bytes: 64,
      // A poll is answered once its cursor is saved.
      fromReserve: true,
      plan: (draft) => {
        const stored = draft.get(key);
        const known = stored && decodeCursor(stored);
        const epoch = given ?? known?.epoch;
        if (known?.after !== after) draft.set(key, encodeCursor({ after, savedAt: Date.now(), epoch }));
        else if (known.epoch !== epoch) draft.set(key, encodeCursor({ ...known, epoch }));
        return epoch;
      },
    });
  }
}

function keyOf({ clientId, channel, type }: ConsumerScope): Key {
  return cursorKey(type === undefined ? channel : `${channel}:${type}`, clientId);
}

/** Stored as `<after> <saved at> <epoch>`; empty is what is not known. */
export function encodeCursor({ after, savedAt, epoch }: SavedCursor): Buffer {
  return Buffer.from(`${after} ${savedAt ?? ''} ${epoch ?? ''}`.trimEnd());
}

function decodeCursor(value: Buffer): SavedCursor {
  const [after, savedAt, epoch] = value.toString('latin1').split(' ');
  return { after: Number(after), savedAt: savedAt ? Number(savedAt) : undefined, epoch: epoch || undefined };
}
