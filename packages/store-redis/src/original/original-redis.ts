import { EventsError } from '@ganomede/events-protocol';
import { IMPORT_STEP, MAX_PAGE_BYTES } from '@ganomede/events-store';
import type { ChainableCommander, Redis } from 'ioredis';
import { isCluster } from '../commands.js';
import { Connection } from '../connection.js';
import type { RedisAddress } from '../options.js';
import { counterKey, eventKeysKey, formerCounterKey, parseId } from './original-keys.js';

/** Of the ids that an event can have. */
const LEAST_ID = 1;
const MOST_ID = Number.MAX_SAFE_INTEGER;

/** Keys that are asked for by one command. */
const AT_ONCE = 1_000;

/** An event as it is stored, under the id that its channel has it by. */
export interface StoredText {
  readonly id: number;
  readonly key: string;
  /** Null if there is nothing at its key. */
  readonly text: string | null;
}

export interface StoredTexts {
  readonly texts: readonly StoredText[];
  /** Whether there was none behind them. */
  readonly isLast: boolean;
}

/** What is at the key of the events of a channel. */
export interface Extent {
  /** How many events have ids that can be. */
  readonly events: number;
  /** Of those; 0 if there is none. */
  readonly newestId: number;
  /** How many have others. */
  readonly others: number;
  /** Whether an original has written it, to judge by the first one. */
  readonly isOfOriginal: boolean;
}

export interface OriginalRedisOptions {
  readonly connectTimeoutMs?: number | undefined;
  readonly commandTimeoutMs?: number | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * The Redis of an original, which is only read, of any version since 2.8.
 *
 * Every method rejects with EventsError `ServiceUnavailable` if it cannot be reached.
 */
export class OriginalRedis {
  readonly #connection: Connection;
  readonly #client: Redis;

  private constructor(connection: Connection, client: Redis) {
    this.#connection = connection;
    this.#client = client;
  }

  /** @throws EventsError `InvalidContent` if it is a cluster: no original runs on one */
  static async open(
    at: RedisAddress,
    { connectTimeoutMs = 5_000, commandTimeoutMs = 10_000, onWarning = () => {} }: OriginalRedisOptions = {},
  ): Promise<OriginalRedis> {
    const connection = await Connection.open(at, { connectTimeoutMs, commandTimeoutMs, onWarning });
    const { client } = connection;
    if (!isCluster(client)) return new OriginalRedis(connection, client);
    connection.close();
    throw new EventsError(
      'InvalidContent',
      `Invalid Redis of an original: expected one Redis, got a cluster (${connection.address})`,
    );
  }

  /** For messages: without user and password. */
  get address(): string {
    return this.#connection.address;
  }

  /** The names of all keys, some at a time; one that is there all the time comes once at least. */
  async *keys(signal?: AbortSignal): AsyncGenerator<readonly string[]> {
    let cursor = '0';
    do {
      signal?.throwIfAborted();
      const [next, found] = await this.#run('look for keys', () =>
        this.#client.scan(cursor, 'COUNT', AT_ONCE),
      );
      cursor = next;
      if (found.length > 0) yield found;
    } while (cursor !== '0');
  }

  /** The strings at these keys; undefined where there is none. */
  texts(keys: readonly string[]): Promise<(string | undefined)[]> {
    return this.#each(
      keys,
      (pipeline, key) => pipeline.get(key),
      (reply) => (typeof reply === 'string' ? reply : undefined),
    );
  }

  /** Of each channel what events it has; undefined if what is there is no sorted set. */
  async extents(channels: readonly string[]): Promise<(Extent | undefined)[]> {
    const lists = channels.map(eventKeysKey);
    const firsts = await this.#each(
      lists,
      (pipeline, key) => pipeline.zrange(key, '0', '0', 'WITHSCORES'),
      parseMember,
    );
    const lasts = await this.#each(
      lists,
      (pipeline, key) => pipeline.zrevrangebyscore(key, MOST_ID, LEAST_ID, 'WITHSCORES', 'LIMIT', 0, 1),
      parseMember,
    );
    const counts = await this.#each(
      lists,
      (pipeline, key) => pipeline.zcount(key, LEAST_ID, MOST_ID),
      Number,
    );
    const all = await this.#each(lists, (pipeline, key) => pipeline.zcard(key), Number);
    return channels.map((channel, i): Extent | undefined => {
      const [first, last, events, total] = [firsts[i], lasts[i], counts[i], all[i]];
      if (events === undefined || total === undefined) return undefined;
      return {
        events,
        newestId: Math.floor(last?.id ?? 0),
        others: Math.max(total - events, 0),
        isOfOriginal: first !== undefined && first.member === `${channel}:${first.id}`,
      };
    });
  }

  /** The newest id that each channel has given; 0 if none. */
  async counters(channels: readonly string[]): Promise<number[]> {
    const texts = await this.texts(
      channels.flatMap((channel) => [counterKey(channel), formerCounterKey(channel)]),
    );
    return channels.map((_, i) => Math.max(parseId(texts[2 * i]) ?? 0, parseId(texts[2 * i + 1]) ?? 0));
  }

  /** The first events of a channel behind an id, ascending: about `IMPORT_STEP`, fewer if they are large. */
  async events(channel: string, after: number): Promise<StoredTexts> {
    const list = eventKeysKey(channel);
    const found = await this.#run(`read ${list}`, () =>
      this.#client.zrangebyscore(list, `(${after}`, MOST_ID, 'WITHSCORES', 'LIMIT', 0, IMPORT_STEP),
    );
    const count = found.length / 2;
    const texts: StoredText[] = [];
    for (let bytes = 0; texts.length < count && bytes < MAX_PAGE_BYTES; ) {
      const from = texts.length;
      const keys = Array.from(
        { length: Math.min(count - from, AT_ONCE / 10) },
        (_, i) => found[2 * (from + i)] ?? '',
      );
      const values = await this.#run(`read events of ${list}`, () => this.#client.mget(...keys));
      for (const [i, key] of keys.entries()) {
        const text = values[i] ?? null;
        texts.push({ id: Number(found[2 * (from + i) + 1]), key, text });
        bytes += text?.length ?? 0;
      }
    }
    return { texts, isLast: texts.length === count && count < IMPORT_STEP };
  }

  /** How many events a channel has up to an id. */
  countUpTo(channel: string, id: number): Promise<number> {
    const list = eventKeysKey(channel);
    return this.#run(`count ${list}`, () => this.#client.zcount(list, '(0', id));
  }

  close(): void {
    this.#connection.close();
  }

  /** A command for each key, and what its reply says; undefined if the key is of another type. */
  async #each<T>(
    keys: readonly string[],
    add: (pipeline: ChainableCommander, key: string) => void,
    parse: (reply: unknown) => T,
  ): Promise<(T | undefined)[]> {
    const values: (T | undefined)[] = [];
    for (let from = 0; from < keys.length; from += AT_ONCE) {
      const pipeline = this.#client.pipeline();
      for (const key of keys.slice(from, from + AT_ONCE)) add(pipeline, key);
      const replies = await this.#run('read keys', async () => {
        const results = (await pipeline.exec()) ?? [];
        const failed = results.find(([error]) => error !== null && !error.message.startsWith('WRONGTYPE'));
        if (failed?.[0]) throw failed[0];
        return results;
      });
      values.push(...replies.map(([error, reply]) => (error === null ? parse(reply) : undefined)));
    }
    return values;
  }

  #run<T>(subject: string, command: () => Promise<T>): Promise<T> {
    return this.#connection.run('', subject, command);
  }
}

/** A member of a sorted set with its score, as Redis replies it. */
function parseMember(reply: unknown): { readonly member: string; readonly id: number } | undefined {
  const [member, score] = Array.isArray(reply) ? reply : [];
  return member === undefined ? undefined : { member: String(member), id: Number(score) };
}
