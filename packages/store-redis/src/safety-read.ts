import { setImmediate } from 'node:timers/promises';
import type { LiveChannels } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';

/** Channels that are looked at together. */
const GROUP = 1_000;

/**
 * Covers a notification that never came: compares the last ids of the channels that somebody waits on with what
 * is known of them, in a pipeline for each thousand. Those who wait on a channel that is elsewhere read it again.
 */
export class SafetyRead {
  readonly #live: LiveChannels;
  readonly #connection: Connection;
  readonly #keys: Keys;
  #running = false;

  constructor(live: LiveChannels, connection: Connection, keys: Keys) {
    this.#live = live;
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Does nothing while the last one runs. */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      const channels = [...this.#live.waited()].map(([channel]) => channel);
      for (let i = 0; i < channels.length; i += GROUP)
        await this.#compare(new Set(channels.slice(i, i + GROUP)));
    } finally {
      this.#running = false;
    }
  }

  async #compare(channels: ReadonlySet<string>): Promise<void> {
    const before = this.#known(channels);
    const found = await Promise.allSettled(
      [...before].map(async ([channel, knownBefore]) => {
        const key = this.#keys.of(channel).channel;
        const last = await this.#connection.run(key, `read ${key}`, (client) => client.hget(key, 'last'));
        return { channel, knownBefore, lastId: Number(last ?? 0) };
      }),
    );
    // Notifications that came together with the answers are taken first.
    await setImmediate();
    const after = this.#known(channels);
    for (const result of found) {
      // Redis is away; the next time.
      if (result.status === 'rejected') continue;
      const { channel, knownBefore = 0, lastId } = result.value;
      // Nobody waits any more.
      if (!after.has(channel)) continue;
      const known = after.get(channel);
      // Events that came since the answer are no reason, so what is known now may well be more.
      if (known === undefined || lastId > known || lastId < knownBefore) this.#live.reset(channel);
    }
  }

  /** Those of the channels that somebody waits on, and the newest id known of each. */
  #known(channels: ReadonlySet<string>): Map<string, number | undefined> {
    return new Map([...this.#live.waited()].filter(([channel]) => channels.has(channel)));
  }
}
