import { type IndexDefinition, parseChannel } from '@ganomede/events-protocol';
import {
  checkSameIndex,
  type EventPage,
  INDEX_STEP,
  type IndexStep,
  type IndexStorage,
  sortIndices,
} from '@ganomede/events-store';
import type { BackwardCursor, BackwardReader } from './backward-reader.js';
import type { Connection } from './connection.js';
import type { IndexKeys, Keys } from './keys.js';

/**
 * The indices of a store. All definitions are in one hash, which alone says what exists. What an index holds lies
 * in the slot of its channel, under keys that follow from channel and field, so that a definition that is lost and made
 * again, in another way too, never finds what belongs to another.
 */
export class Indices implements IndexStorage {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #reader: BackwardReader;
  readonly #typedChannels: boolean;

  constructor(connection: Connection, keys: Keys, reader: BackwardReader, typedChannels: boolean) {
    this.#connection = connection;
    this.#keys = keys;
    this.#reader = reader;
    this.#typedChannels = typedChannels;
  }

  /** @throws EventsError `Conflict` (as a rejection) where the id has another definition. */
  async create(index: IndexDefinition): Promise<void> {
    const { id, channel, field } = index;
    const key = this.#keys.indices;
    const text = JSON.stringify({ channel, field });
    const subject = `create index ${JSON.stringify(id)}`;
    const created = await this.#connection.run(key, subject, (client) => client.hsetnx(key, id, text));
    if (created === 0) checkSameIndex((await this.definition(id)) ?? index, index);
  }

  /** Sorted by id. */
  async definitions(): Promise<IndexDefinition[]> {
    const key = this.#keys.indices;
    const found = await this.#connection.run(key, `read ${key}`, (client) => client.hgetall(key));
    return sortIndices(Object.entries(found).map(([id, text]) => parseDefinition(id, text)));
  }

  async definition(id: string): Promise<IndexDefinition | undefined> {
    const key = this.#keys.indices;
    const subject = `read index ${JSON.stringify(id)}`;
    const text = await this.#connection.run(key, subject, (client) => client.hget(key, id));
    return text === null ? undefined : parseDefinition(id, text);
  }

  async position(index: IndexDefinition): Promise<number> {
    const { position } = this.#keysOf(index);
    return Number(
      (await this.#connection.run(position, `read ${position}`, (client) => client.get(position))) ?? 0,
    );
  }

  async advance(index: IndexDefinition, { from, to, entries }: IndexStep): Promise<number> {
    const { position, order, value } = this.#keysOf(index);
    const lists = new Map<string, number>();
    const declared = [position, order];
    const args: (string | number)[] = [from, to];
    for (const { id, key } of entries) {
      const list = lists.get(key) ?? declared.push(value(key));
      lists.set(key, list);
      args.push(id, list, key);
    }
    return this.#connection.run(position, `write ${position}`, (client) =>
      client.eventsAdvanceIndex(declared.length, declared, args),
    );
  }

  async trim(index: IndexDefinition): Promise<void> {
    const { channel } = this.#address(index);
    const { order, value } = this.#keysOf(index);
    const { channel: key } = this.#keys.of(channel);
    const subject = `trim ${order}`;
    const [first, oldest] = await this.#connection.run(key, subject, (client) =>
      Promise.all([client.hget(key, 'first'), client.lindex(order, 0)]),
    );
    if (oldest === null || idOf(oldest) >= Number(first ?? 1)) return;
    const entries = await this.#connection.run(key, subject, (client) =>
      client.lrange(order, 0, INDEX_STEP - 1),
    );
    const dropped = entries.filter((entry) => idOf(entry) < Number(first));
    const lists = dropped.map((entry) => value(entry.slice(entry.indexOf(' ') + 1)));
    await this.#connection.run(key, subject, (client) =>
      client.eventsTrimIndex(2 + lists.length, key, order, lists, dropped),
    );
  }

  async rows(index: IndexDefinition, indexKey: string, cursor: BackwardCursor): Promise<EventPage> {
    const list = this.#keysOf(index).value(indexKey);
    return this.#reader.ofList(this.#address(index).channel, list, cursor);
  }

  #keysOf(index: IndexDefinition): IndexKeys {
    const { channel, type } = this.#address(index);
    return this.#keys.index(channel, type, index.field);
  }

  #address({ channel }: IndexDefinition) {
    return parseChannel(channel, this.#typedChannels);
  }
}

function parseDefinition(id: string, text: string): IndexDefinition {
  const { channel, field } = JSON.parse(text) as Omit<IndexDefinition, 'id'>;
  return { id, channel, field };
}

function idOf(entry: string): number {
  return Number.parseInt(entry, 10);
}
