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
import { type CursorSave, parseCursor, saveCursors } from './scripts/save-cursors.js';

/** Saves after which a command takes no more: it has twice as many at most, which is as many values as Lua passes to a function. */
const MAX_TOGETHER = 1_000;

interface Save {
  readonly scope: ChannelScope;
  readonly save: CursorSave;
  readonly bytes: 0;
  readonly resolve: (before: SavedCursor | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** What shares a command. */
interface Together {
  readonly saves: CursorSave[];
  readonly before: Promise<readonly (SavedCursor | undefined)[]>;
}

/**
 * The cursors of consumers. Those of one consumer are saved one after the other, so that the last one counts; those of
 * several consumers on one channel name that come in one turn of the event loop are one command, and no other waits for it.
 */
export class Cursors implements CursorStorage {
  readonly #connection: Connection;
  readonly #keys: Keys;
  /** By the key of the hash and the consumer. */
  readonly #saves = new Batchers<Save>((_consumer, saves) => this.#saveAll(saves), {
    items: MAX_TOGETHER,
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

  save(
    { clientId, ...scope }: ConsumerScope,
    after: number,
    epoch: string | undefined,
  ): Promise<SavedCursor | undefined> {
    return this.#save(scope, { clientId, after, epoch });
  }

  /** By itself: it changes nothing that is being saved. */
  async create(
    { clientId, channel, type }: ConsumerScope,
    after: number,
    epoch: string | undefined,
  ): Promise<SavedCursor> {
    const subject = `save the first cursor of ${JSON.stringify(clientId)} in ${this.#keys.cursors(channel, type)}`;
    const saves = [{ clientId, after, epoch, only: 'new' as const }];
    const args = { keys: this.#keys, channel, type, saves };
    const [before] = await this.#connection.script(subject, saveCursors, args);
    return before ?? { after, epoch, savedAt: undefined };
  }

  async setEpoch({ clientId, ...scope }: ConsumerScope, after: number, epoch: string): Promise<void> {
    await this.#save(scope, { clientId, after, epoch, only: 'epoch' });
  }

  #save(scope: ChannelScope, save: CursorSave): Promise<SavedCursor | undefined> {
    const name = JSON.stringify([this.#keys.cursors(scope.channel, scope.type), save.clientId]);
    return new Promise((resolve, reject) => {
      this.#saves.push(name, { scope, save, bytes: 0, resolve, reject });
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

  /** Those of one consumer. */
  async #saveAll(saves: readonly Save[]): Promise<void> {
    try {
      const [{ scope }] = saves as [Save];
      const before = await this.#saveTogether(
        scope,
        saves.map(({ save }) => save),
      );
      for (const [i, { resolve }] of saves.entries()) resolve(before[i]);
    } catch (error) {
      for (const { reject } of saves) reject(error);
    }
  }

  /** Resolves with what there was before each. */
  async #saveTogether(
    scope: ChannelScope,
    saves: readonly CursorSave[],
  ): Promise<readonly (SavedCursor | undefined)[]> {
    const key = this.#keys.cursors(scope.channel, scope.type);
    let together = this.#gathering.get(key);
    if (together === undefined || together.saves.length >= MAX_TOGETHER) {
      const all: CursorSave[] = [];
      together = { saves: all, before: this.#write(key, scope, all) };
      this.#gathering.set(key, together);
    }
    const end = together.saves.push(...saves);
    return (await together.before).slice(end - saves.length, end);
  }

  async #write(
    key: string,
    { channel, type }: ChannelScope,
    saves: readonly CursorSave[],
  ): Promise<readonly (SavedCursor | undefined)[]> {
    await setImmediate();
    if (this.#gathering.get(key)?.saves === saves) this.#gathering.delete(key);
    const subject = `save ${saves.length} cursor(s) in ${key}`;
    return this.#connection.script(subject, saveCursors, { keys: this.#keys, channel, type, saves });
  }
}
