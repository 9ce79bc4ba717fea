import { Batchers, type ConsumerScope, type CursorStorage, type SavedCursor } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import { saveCursors } from './scripts/save-cursors.js';

/** Bounds of what is saved by one command. */
const MAX_SAVES = { items: 1_000, bytes: 1024 * 1024 };

interface Save {
  readonly consumer: ConsumerScope;
  readonly after: number;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The cursors of consumers. Those on one channel name that are saved in one turn of the event loop, or while others
 * are being saved there, are one command.
 */
export class Cursors implements CursorStorage {
  readonly #connection: Connection;
  readonly #keys: Keys;
  /** By the key of the hash. */
  readonly #saves = new Batchers<Save>((key, saves) => this.#write(key, saves), MAX_SAVES);

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  async load({ clientId, channel, type }: ConsumerScope): Promise<SavedCursor | undefined> {
    const key = this.#keys.cursors(channel, type);
    const subject = `load the cursor of ${JSON.stringify(clientId)} from ${key}`;
    const saved = await this.#connection.run(key, subject, (client) => client.hget(key, clientId));
    return saved === null ? undefined : parseCursor(saved);
  }

  save(consumer: ConsumerScope, after: number): Promise<void> {
    const { clientId, channel, type } = consumer;
    const key = this.#keys.cursors(channel, type);
    return new Promise((resolve, reject) => {
      this.#saves.push(key, { consumer, after, bytes: clientId.length, resolve, reject });
    });
  }

  /** Resolves once nothing is being saved. */
  idle(): Promise<void> {
    return this.#saves.idle();
  }

  async #write(key: string, saves: readonly Save[]): Promise<void> {
    const { channel, type } = (saves[0] as Save).consumer;
    // Of two for the same consumer the last one counts.
    const cursors = new Map(saves.map(({ consumer, after }) => [consumer.clientId, after]));
    try {
      const subject = `save ${cursors.size} cursor(s) in ${key}`;
      await this.#connection.script(subject, saveCursors, { keys: this.#keys, channel, type, cursors });
      for (const { resolve } of saves) resolve();
    } catch (error) {
      for (const { reject } of saves) reject(error);
    }
  }
}

/** `<id> <milliseconds>`; servers of the version before save the id alone. */
function parseCursor(saved: string): SavedCursor {
  const [after, savedAt] = saved.split(' ');
  return { after: Number(after), savedAt: savedAt === undefined ? undefined : Number(savedAt) };
}
