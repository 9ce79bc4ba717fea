import { setImmediate } from 'node:timers/promises';
import {
  Batchers,
  type ChannelScope,
  type ConsumerScope,
  type CursorStorage,
  FirstClients,
  type ListedCursor,
  type SavedCursor,
} from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import { type NewCursor, parseCursor, saveCursors } from './scripts/save-cursors.js';

/** Most cursors that are saved by one command. */
const MAX_TOGETHER = 1_000;

interface Save {
  readonly consumer: ConsumerScope;
  readonly cursor: NewCursor;
  readonly bytes: 0;
  readonly resolve: (before: SavedCursor | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Cursors that share a command. */
interface Together {
  /** By clientId. */
  readonly cursors: Map<string, NewCursor>;
  readonly before: Promise<ReadonlyMap<string, SavedCursor | undefined>>;
}

/**
 * The cursors of consumers. Those of one consumer are saved one after the other, so that the last one counts; those of
 * several consumers on one channel name that come in one turn of the event loop are one command, and no other waits for it.
 */
export class Cursors implements CursorStorage {
  readonly #connection: Connection;
  readonly #keys: Keys;
  /** By the key of the hash and the consumer. */
  readonly #saves = new Batchers<Save>((_consumer, saves) => this.#saveLast(saves), {
    items: Number.POSITIVE_INFINITY,
    bytes: Number.POSITIVE_INFINITY,
  });
  /** By the key of the hash. */
  readonly #gathering = new Map<string, Together>();

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  async load({ clientId, channel, type }: ConsumerScope): Promise<SavedCursor | undefined> {
    const key = this.#keys.cursors(channel, type);
    const subject = `load the cursor of ${JSON.stringify(clientId)} from ${key}`;
    const saved = await this.#connection.run(key, subject, (client) => client.hget(key, clientId));
    return parseCursor(saved ?? '');
  }

  save(consumer: ConsumerScope, after: number, epoch: string | undefined): Promise<SavedCursor | undefined> {
    return this.#save(consumer, { after, epoch });
  }

  /** By itself: it changes nothing that is being saved. */
  async create(consumer: ConsumerScope, after: number, epoch: string | undefined): Promise<SavedCursor> {
    const { clientId, channel, type } = consumer;
    const subject = `save the first cursor of ${JSON.stringify(clientId)} in ${this.#keys.cursors(channel, type)}`;
    const cursors = new Map([[clientId, { after, epoch, only: 'new' as const }]]);
    const args = { keys: this.#keys, channel, type, cursors };
    const before = await this.#connection.script(subject, saveCursors, args);
    return before.get(clientId) ?? { after, epoch, savedAt: undefined };
  }

  async setEpoch(consumer: ConsumerScope, after: number, epoch: string): Promise<void> {
    await this.#save(consumer, { after, epoch, only: 'epoch' });
  }

  #save(consumer: ConsumerScope, cursor: NewCursor): Promise<SavedCursor | undefined> {
    const { clientId, channel, type } = consumer;
    const name = JSON.stringify([this.#keys.cursors(channel, type), clientId]);
    return new Promise((resolve, reject) => {
      this.#saves.push(name, { consumer, cursor, bytes: 0, resolve, reject });
    });
  }

  async delete({ clientId, channel, type }: ConsumerScope): Promise<boolean> {
    const key = this.#keys.cursors(channel, type);
    const subject = `delete the cursor of ${JSON.stringify(clientId)} from ${key}`;
    return (await this.#connection.run(key, subject, (client) => client.hdel(key, clientId))) === 1;
  }

  /** Redis has them in no order: it walks over all on the channel name, some at a time. */
  async list(
    { channel, type }: ChannelScope,
    range: { readonly types: boolean; readonly after: string; readonly limit: number },
  ): Promise<ListedCursor[]> {
    const first = new FirstClients(range);
    for (const each of range.types ? await this.#types(channel) : [type]) {
      const key = this.#keys.cursors(channel, each);
      let cursor = '0';
      do {
        const [next, found] = await this.#connection.run(key, `read ${key}`, (client) =>
          client.hscan(key, cursor, 'COUNT', MAX_TOGETHER),
        );
        for (let i = 0; i < found.length; i += 2) {
          const [clientId = '', saved = ''] = found.slice(i, i + 2);
          const stored = parseCursor(saved);
          if (stored) first.add({ ...stored, clientId, type: each });
        }
        cursor = next;
      } while (cursor !== '0');
    }
    return first.cursors;
  }

  /** Deletes those on a channel and its types. */
  async deleteAll(channel: string): Promise<void> {
    const set = this.#keys.consumerTypes(channel);
    for (const type of await this.#types(channel)) {
      const key = this.#keys.cursors(channel, type);
      // In this order: one that is saved in between is not left where nobody looks.
      await this.#connection.run(set, `write ${set}`, (client) => client.srem(set, type ?? ''));
      await this.#connection.run(key, `delete ${key}`, (client) => client.unlink(key));
    }
  }

  /** The types of a channel that have cursors; undefined stands for the channel itself. */
  async #types(channel: string): Promise<(string | undefined)[]> {
    const set = this.#keys.consumerTypes(channel);
    const types = new Set<string>();
    let cursor = '0';
    do {
      const [next, found] = await this.#connection.run(set, `read ${set}`, (client) =>
        client.sscan(set, cursor, 'COUNT', MAX_TOGETHER),
      );
      for (const type of found) types.add(type);
      cursor = next;
    } while (cursor !== '0');
    return [...types].map((type) => type || undefined);
  }

  /** Resolves once nothing is being saved. */
  idle(): Promise<void> {
    return this.#saves.idle();
  }

  /** Several for the same consumer are one. */
  async #saveLast(saves: readonly Save[]): Promise<void> {
    try {
      const [{ consumer }] = saves as [Save];
      let known = await this.#saveTogether(consumer, saves.map(({ cursor }) => cursor).reduce(combined));
      for (const { cursor, resolve } of saves) {
        resolve(known);
        known = changed(known, cursor);
      }
    } catch (error) {
      for (const { reject } of saves) reject(error);
    }
  }

  /** Resolves with the cursor that there was. */
  async #saveTogether(consumer: ConsumerScope, cursor: NewCursor): Promise<SavedCursor | undefined> {
    const { clientId, channel, type } = consumer;
    const key = this.#keys.cursors(channel, type);
    let together = this.#gathering.get(key);
    if (together === undefined || together.cursors.size >= MAX_TOGETHER) {
      const cursors = new Map<string, NewCursor>();
      together = { cursors, before: this.#write(key, consumer, cursors) };
      this.#gathering.set(key, together);
    }
    together.cursors.set(clientId, cursor);
    return (await together.before).get(clientId);
  }

  async #write(
    key: string,
    { channel, type }: ConsumerScope,
    cursors: ReadonlyMap<string, NewCursor>,
  ): Promise<ReadonlyMap<string, SavedCursor | undefined>> {
    await setImmediate();
    if (this.#gathering.get(key)?.cursors === cursors) this.#gathering.delete(key);
    const subject = `save ${cursors.size} cursor(s) in ${key}`;
    return this.#connection.script(subject, saveCursors, { keys: this.#keys, channel, type, cursors });
  }
}

/** What two saves come to, one after the other. */
function combined(first: NewCursor, second: NewCursor): NewCursor {
  if (!second.only) return { ...second, epoch: second.epoch ?? (first.only ? undefined : first.epoch) };
  return second.after === first.after ? { ...first, epoch: second.epoch } : first;
}

/** What a saved cursor is after a save. */
function changed(known: SavedCursor | undefined, { after, epoch, only }: NewCursor): SavedCursor | undefined {
  if (only === 'epoch') return known?.after === after ? { ...known, epoch } : known;
  return { after, epoch: epoch ?? known?.epoch, savedAt: undefined };
}
