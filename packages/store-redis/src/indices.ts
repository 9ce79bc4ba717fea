import type { IndexDefinition } from '@ganomede/events-protocol';
import {
  type EventPage,
  INDEX_STEP,
  type IndexScope,
  type IndexStep,
  type IndexStorage,
} from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { IndexKeys, Keys } from './keys.js';
import type { Scanner } from './scan.js';
import { advanceIndex } from './scripts/advance-index.js';
import { findEntries } from './scripts/find-entries.js';
import { removeEntries } from './scripts/remove-entries.js';
import { trimIndex } from './scripts/trim-index.js';

/**
 * The indices of a store. All definitions are in one hash, which alone says what exists. What an index holds lies
 * in the slot of its channel, under keys that follow from channel and field, so that a definition that is lost and made
 * again, in another way too, never finds what belongs to another.
 */
export class Indices implements IndexStorage {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #scanner: Scanner;
  /** Definitions that are being stored. */
  readonly #creating = new Set<Promise<unknown>>();

  constructor(connection: Connection, keys: Keys, scanner: Scanner) {
    this.#connection = connection;
    this.#keys = keys;
    this.#scanner = scanner;
  }

  create(index: IndexDefinition): Promise<IndexDefinition> {
    const creating = this.#create(index).finally(() => this.#creating.delete(creating));
    this.#creating.add(creating);
    return creating;
  }

  async definition(id: string): Promise<IndexDefinition | undefined> {
    const key = this.#keys.indices;
    const subject = `read index ${JSON.stringify(id)}`;
    const text = await this.#connection.run(key, subject, (client) => client.hget(key, id));
    return text === null ? undefined : parseDefinition(id, text);
  }

  async definitions(): Promise<IndexDefinition[]> {
    const key = this.#keys.indices;
    const found = await this.#connection.run(key, `read ${key}`, (client) => client.hgetall(key));
    return Object.entries(found).map(([id, text]) => parseDefinition(id, text));
  }

  async progress(index: IndexScope): Promise<number> {
    const { progress } = this.#keysOf(index);
    return Number(
      (await this.#connection.run(progress, `read ${progress}`, (client) => client.get(progress))) ?? 0,
    );
  }

  advance(index: IndexScope, step: IndexStep): Promise<number> {
    const keys = this.#keysOf(index);
    const { channel } = this.#keys.of(index.channel);
    return this.#connection.script(`write ${keys.progress}`, advanceIndex, { channel, keys, step });
  }

  async delete(id: string): Promise<void> {
    const key = this.#keys.indices;
    await this.#connection.run(key, `delete index ${JSON.stringify(id)}`, (client) => client.hdel(key, id));
  }

  /** Each step looks up which values the events have, and then removes those. */
  async remove(index: IndexScope, ids: readonly number[]): Promise<void> {
    const keys = this.#keysOf(index);
    const { order } = keys;
    let left = ids;
    while (left.length > 0) {
      const some = left.slice(0, INDEX_STEP);
      const values = await this.#connection.script(`read ${order}`, findEntries, { order, ids: some });
      let entries = some.flatMap((id, i) => ({ id, value: values[i] ?? '' })).filter(({ value }) => value);
      while (entries.length > 0) {
        const removed = await this.#connection.script(`write ${order}`, removeEntries, { keys, entries });
        entries = entries.slice(removed);
      }
      left = left.slice(some.length);
    }
  }

  async trim(index: IndexScope): Promise<number> {
    const keys = this.#keysOf(index);
    const { order } = keys;
    const { channel } = this.#keys.of(index.channel);
    const subject = `trim ${order}`;
    const [first, oldest] = await this.#connection.run(channel, subject, (client) =>
      Promise.all([client.hget(channel, 'first'), client.lindex(order, 0)]),
    );
    if (oldest === null || idOf(oldest) >= Number(first ?? 1)) return 0;
    const begin = await this.#connection.run(channel, subject, (client) =>
      client.lrange(order, 0, INDEX_STEP - 1),
    );
    const entries = begin.filter((entry) => idOf(entry) < Number(first));
    return this.#connection.script(subject, trimIndex, { channel, keys, entries });
  }

  rows(
    index: IndexScope,
    key: string,
    range: { readonly limit: number; readonly before: number | undefined },
  ): Promise<EventPage> {
    return this.#scanner.list(index.channel, this.#keysOf(index).value(key), range);
  }

  /** Resolves once no definition is being stored. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#creating);
  }

  async #create(index: IndexDefinition): Promise<IndexDefinition> {
    const { id, channel, field } = index;
    const key = this.#keys.indices;
    const text = JSON.stringify({ channel, field });
    const subject = `create index ${JSON.stringify(id)}`;
    const created = await this.#connection.run(key, subject, (client) => client.hsetnx(key, id, text));
    return created === 1 ? index : ((await this.definition(id)) ?? index);
  }

  #keysOf({ channel, type, field }: IndexScope): IndexKeys {
    return this.#keys.index(channel, type, field);
  }
}

function parseDefinition(id: string, text: string): IndexDefinition {
  const { channel, field } = JSON.parse(text) as Omit<IndexDefinition, 'id'>;
  return { id, channel, field };
}

/** Of an entry: `<id> <value>`. */
function idOf(entry: string): number {
  return Number.parseInt(entry, 10);
}
