import type { Connection } from './connection.js';
import type { Keys } from './keys.js';

/** Channels that are known to be registered. */
const MAX_KNOWN = 100_000;
/** After so long all are registered again, milliseconds. */
const FORGET_MS = 300_000;

/**
 * The set of all channels, so that retention finds those that nothing is appended to, and people can list them. It
 * lies in one slot of a cluster and the channels in others, so it cannot be part of an append: a channel
 * is added beside the first append of each process, and beside a later one where that has failed, where the server
 * of the set is another now, and every few minutes: a replica that lagged may have taken over without it.
 */
export class Registry {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #known = new Set<string>();
  #knownSince = performance.now();
  /** The server that has the set. */
  #node: string | undefined;

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
    // Redis may come back without it.
    connection.onReconnect(() => this.#known.clear());
  }

  add(channel: string): void {
    this.#forget();
    if (this.#known.has(channel)) return;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(channel);
    const key = this.#keys.channels;
    this.#connection
      .run(key, `register ${channel}`, (client) => client.sadd(key, channel))
      .catch(() => this.#known.delete(channel));
  }

  #forget(): void {
    const node = this.#connection.nodeOf(this.#keys.channels);
    if (node === this.#node && performance.now() - this.#knownSince < FORGET_MS) return;
    this.#known.clear();
    this.#knownSince = performance.now();
    this.#node = node;
  }
}
