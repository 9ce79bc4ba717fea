import { byBytes } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';

/** Channels that are known to be on the list. */
const MAX_KNOWN = 100_000;
/** After so long all are put there again, milliseconds. */
const FORGET_MS = 300_000;

/**
 * The names of all channels, so that retention finds those that nothing is appended to, and people can list them. The
 * list lies in one slot of a cluster and the channels in others, so that it cannot be part of an append: a channel is
 * added beside the first append of each process, and beside a later one if that has failed, if the list is on another
 * server now, and every few minutes: a replica that lagged may have taken over without it.
 */
export class ChannelList {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #known = new Set<string>();
  #knownSince = performance.now();
  /** The server that has the list. */
  #node: string | undefined;

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
    // Redis may come back without it.
    connection.onReconnect(() => this.#known.clear());
  }

  /** Adds a channel unless it is known to be there; does not wait. */
  add(channel: string): void {
    this.#forget();
    if (this.#known.has(channel)) return;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(channel);
    const key = this.#keys.channelList;
    this.#connection
      .run(key, `add ${channel} to ${key}`, (client) => client.zadd(key, 0, channel))
      .catch(() => this.#known.delete(channel));
  }

  /** Adds a channel, and waits. */
  async addNow(channel: string): Promise<void> {
    const key = this.#keys.channelList;
    await this.#connection.run(key, `add ${channel} to ${key}`, (client) => client.zadd(key, 0, channel));
  }

  /** Those of the channels that are not on the list. */
  async missing(channels: readonly string[]): Promise<string[]> {
    const key = this.#keys.channelList;
    const scores = await this.#connection.run(key, `read ${key}`, (client) =>
      Promise.all(channels.map((channel) => client.zscore(key, channel))),
    );
    return channels.filter((_, i) => scores[i] === null);
  }

  /** The same for one that is known to be no longer there. */
  addAgain(channel: string): void {
    this.#known.delete(channel);
    this.add(channel);
  }

  /** It is added again by the next append that finds it deleted. Whether it was there. */
  async remove(channel: string): Promise<boolean> {
    const key = this.#keys.channelList;
    const removed = await this.#connection.run(key, `remove ${channel} from ${key}`, (client) =>
      client.zrem(key, channel),
    );
    this.#known.delete(channel);
    return removed === 1;
  }

  /** Names that begin with `prefix` and lie after `after`, in the order of their UTF-8 bytes. */
  names(range: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<string[]> {
    const { prefix, after, limit } = range;
    const key = this.#keys.channelList;
    const from = byBytes(after, prefix) >= 0 ? `(${after}` : `[${prefix}`;
    // No byte of a name is so high.
    const to = prefix === '' ? '+' : Buffer.concat([Buffer.from(`(${prefix}`), Buffer.from([0xff])]);
    return this.#connection.run(key, `read ${key}`, (client) =>
      // All scores are 0, so that Redis sorts by name.
      client.zrange(key, from, to, 'BYLEX', 'LIMIT', 0, limit),
    );
  }

  count(): Promise<number> {
    const key = this.#keys.channelList;
    return this.#connection.run(key, `read ${key}`, (client) => client.zcard(key));
  }

  #forget(): void {
    const node = this.#connection.nodeOf(this.#keys.channelList);
    if (node === this.#node && performance.now() - this.#knownSince < FORGET_MS) return;
    this.#known.clear();
    this.#knownSince = performance.now();
    this.#node = node;
  }
}
