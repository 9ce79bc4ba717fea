import { setImmediate } from 'node:timers/promises';
import type { ChannelEnd, Subscriptions } from '../storage.js';
import type { LiveChannel, LiveChannels } from './live-channels.js';

/** Channels that are looked at together. */
const AT_ONCE = 1_000;

/**
 * Covers notifications that never came: now and then compares the ends of the channels that somebody waits on with
 * what is known of them. Those who wait on a channel that has moved on, or back, look again. So is everything forgotten that is
 * held of a channel of which events were redacted.
 */
export class MissedNotifications {
  readonly #live: LiveChannels;
  readonly #subscriptions: Subscriptions;
  readonly #timer: NodeJS.Timeout;
  #running = false;
  #closed = false;

  constructor(live: LiveChannels, subscriptions: Subscriptions) {
    this.#live = live;
    this.#subscriptions = subscriptions;
    this.#timer = setInterval(() => void this.#check(), subscriptions.checkEveryMs).unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      const watched = [...this.#live.watched()];
      for (let i = 0; i < watched.length && !this.#closed; i += AT_ONCE)
        await this.#compare(watched.slice(i, i + AT_ONCE));
    } finally {
      this.#running = false;
    }
  }

  async #compare(channels: readonly LiveChannel[]): Promise<void> {
    const before = channels.map(({ tail }) => tail.lastId);
    const ends = await this.#ends(channels);
    const isBehind = (live: LiveChannel, i: number) => {
      const end = ends[i];
      // It could not be read: the next time.
      if (end === undefined) return false;
      const { started, lastId: known, epoch, redactions = end.redactions } = live.tail;
      if (end.redactions !== redactions) return true;
      // Or nobody waits any more.
      if (live.waiters.size === 0) return false;
      // Events that came since the answer are no reason, so what is known now may well be more.
      return !started || end.lastId > known || end.lastId < (before[i] ?? 0) || end.epoch !== epoch;
    };
    const suspects = channels.filter(isBehind);
    if (suspects.length === 0) return;
    // Their notifications may still be on the way, which is another one than that of the answers: they get a round trip more.
    await this.#ends(suspects);
    for (const live of channels.filter(isBehind)) live.reset();
  }

  async #ends(channels: readonly LiveChannel[]): Promise<(ChannelEnd | undefined)[]> {
    const ends = await this.#subscriptions.ends(channels.map(({ name }) => name));
    // Notifications that came together with the answers are taken first.
    await setImmediate();
    return ends;
  }
}
