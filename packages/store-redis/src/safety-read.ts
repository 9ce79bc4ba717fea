import { setImmediate } from 'node:timers/promises';
import type { LiveChannel, LiveChannels } from '@ganomede/events-store';
import { isCluster } from './commands.js';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import { isCrossSlot, isRefused } from './unavailable.js';

/** Channels that are looked at together. */
const GROUP = 1_000;

/**
 * Covers a notification that never came: compares the last ids of the channels that somebody waits on with what
 * is known of them, a thousand at a time. Those who wait on a channel that is elsewhere read it again.
 */
export class SafetyRead {
  readonly #live: LiveChannels;
  readonly #connection: Connection;
  readonly #keys: Keys;
  /** Whether channels may lie in different slots: then they do not share a command. */
  #apart: boolean;
  #running = false;

  constructor(live: LiveChannels, connection: Connection, keys: Keys) {
    this.#live = live;
    this.#connection = connection;
    this.#keys = keys;
    this.#apart = isCluster(connection.client);
  }

  /** Does nothing while the last one runs. */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      const waited = [...this.#live.waited()];
      for (let i = 0; i < waited.length; i += GROUP) await this.#compare(waited.slice(i, i + GROUP));
    } finally {
      this.#running = false;
    }
  }

  async #compare(channels: readonly LiveChannel[]): Promise<void> {
    const before = channels.map(({ tail }) => tail.lastId);
    const lastIds = await this.#lastIds(channels.map(({ name }) => this.#keys.of(name).channel));
    // Notifications that came together with the answers are taken first.
    await setImmediate();
    channels.forEach((live, i) => {
      const lastId = lastIds[i];
      // It could not be read: the next time. Or nobody waits any more.
      if (lastId === undefined || live.waiters.size === 0) return;
      const { started, lastId: known } = live.tail;
      // Events that came since the answer are no reason, so what is known now may well be more.
      if (!started || lastId > known || lastId < (before[i] ?? 0)) live.reset();
    });
  }

  /** The newest id of each channel, undefined where it cannot be read. */
  async #lastIds(keys: readonly string[]): Promise<(number | undefined)[]> {
    if (!this.#apart) {
      try {
        const subject = `read the newest ids of ${keys.length} channel(s)`;
        const found = await this.#connection.run(keys[0] ?? '', subject, (client) =>
          client.eventsLastIds(keys.length, keys),
        );
        return found.map((id) => (id === null ? undefined : Number(id)));
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
