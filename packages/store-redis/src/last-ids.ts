import { isCluster } from './commands.js';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import { lastIds } from './scripts/last-ids.js';
import { isCrossSlot, isRefused } from './unavailable.js';

/** Looks up the newest ids of many channels, with one command if they may lie in one slot. */
export class LastIds {
  readonly #connection: Connection;
  readonly #keys: Keys;
  /** Whether channels may lie in different slots: then they do not share a command. */
  #apart: boolean;

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
    this.#apart = isCluster(connection.client);
  }

  /** The newest id of each channel, undefined if it cannot be read. Does not reject. */
  async read(channels: readonly string[]): Promise<(number | undefined)[]> {
    const keys = channels.map((channel) => this.#keys.of(channel).channel);
    if (!this.#apart) {
      try {
        const subject = `read the newest ids of ${keys.length} channel(s)`;
        return await this.#connection.script(subject, lastIds, keys);
      } catch (error) {
        if (!isRefused(error)) return [];
        // A cluster of one server, or a cluster behind a proxy. What else it refuses may be one of the channels.
        this.#apart = isCrossSlot(error);
      }
    }
    const found = await Promise.allSettled(
      keys.map((key) => this.#connection.run(key, `read ${key}`, (client) => client.hget(key, 'last'))),
    );
    return found.map((one) => (one.status === 'fulfilled' ? Number(one.value ?? 0) : undefined));
  }
}
