import type { ChannelEnd } from '@ganomede/events-store';
import { END_FIELDS, parseEnd } from './channel-bounds.js';
import { isCluster } from './commands.js';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import { channelEnds } from './scripts/channel-ends.js';
import { isCrossSlot, isRefused } from './unavailable.js';

/** Looks up where many channels end, with one command if they may lie in one slot. */
export class ChannelEnds {
  readonly #connection: Connection;
  readonly #keys: Keys;
  /** Whether channels may lie in different slots: then they do not share a command. */
  #apart: boolean;

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
    this.#apart = isCluster(connection.client);
  }

  /** Where each channel ends, undefined if it cannot be read. Does not reject. */
  async read(channels: readonly string[]): Promise<(ChannelEnd | undefined)[]> {
    const keys = channels.map((channel) => this.#keys.of(channel).channel);
    if (!this.#apart) {
      try {
        const subject = `read the ends of ${keys.length} channel(s)`;
        return await this.#connection.script(subject, channelEnds, keys);
      } catch (error) {
        if (!isRefused(error)) return [];
        // A cluster of one server, or a cluster behind a proxy. What else it refuses may be one of the channels.
        this.#apart = isCrossSlot(error);
      }
    }
    const found = await Promise.allSettled(
      keys.map((key) =>
        this.#connection.run(key, `read ${key}`, (client) => client.hmget(key, ...END_FIELDS)),
      ),
    );
    return found.map((one) => (one.status === 'rejected' ? undefined : parseEnd(one.value)));
  }
}
