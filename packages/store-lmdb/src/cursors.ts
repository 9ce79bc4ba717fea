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

  async save(consumer: ConsumerScope, after: number): Promise<void> {
    const { clientId, channel } = consumer;
    const key = keyOf(consumer);
    const value = encodeCursor({ after, savedAt: Date.now() });
    await this.#commits.write({
      subject: `the cursor of ${JSON.stringify(clientId)} on channel ${JSON.stringify(channel)}`,
      bytes: value.length,
      // A poll is answered once its cursor is saved.
      fromReserve: true,
      plan: (draft) => {
        const known = draft.get(key);
        if (known === undefined || decodeCursor(known).after !== after) draft.set(key, value);
      },
    });
  }
}

function keyOf({ clientId, channel, type }: ConsumerScope): Key {
  return cursorKey(type === undefined ? channel : `${channel}:${type}`, clientId);
}

/** Stored as `<after> <saved at>`, without a time if it is not known. What else may follow later is passed over. */
export function encodeCursor({ after, savedAt }: SavedCursor): Buffer {
  return Buffer.from(savedAt === undefined ? `${after}` : `${after} ${savedAt}`);
}

function decodeCursor(value: Buffer): SavedCursor {
  const [after, savedAt] = value.toString('latin1').split(' ');
  return { after: Number(after), savedAt: savedAt === undefined ? undefined : Number(savedAt) };
}
