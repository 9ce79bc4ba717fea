import { dropsAnything, type Retention, sweepIntervalMs } from '@ganomede/events-store';
import { type ChannelRecord, readChannel } from './channel-record.js';
import type { CommitQueue, Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { CHANNELS_END, channelNumberKey, eventKey, type Key, typeKey, typesEnd } from './keys.js';

/** Most events that one commit drops or removes: writes wait for it. */
const MAX_STEP = 1_000;
/** Channels that are looked at before others have their turn. */
const PAGE = 500;

/**
 * Drops what retention does not keep, in channels that nothing is appended to as well. Dropping moves the first id
 * of a channel; what lies below it is removed afterwards, a step at a time.
 */
export class Sweeper {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #retention: Retention;
  readonly #dropped: (channel: string, firstId: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  /** `dropped` is called with the oldest id that a channel keeps, above the last where it keeps none. */
  constructor(
    database: Database,
    commits: CommitQueue,
    retention: Retention,
    dropped: (channel: string, firstId: number) => void,
  ) {
    this.#database = database;
    this.#commits = commits;
    this.#retention = retention;
    this.#dropped = dropped;
  }

  start(): void {
    if (!dropsAnything(this.#retention)) return;
    this.#timer = setInterval(() => {
      this.#running ??= this.#sweep()
        .catch(() => {
          // The disk is full or away; the next time.
        })
        .finally(() => {
          this.#running = undefined;
        });
    }, sweepIntervalMs(this.#retention)).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  async #sweep(): Promise<void> {
    let after = '';
    while (!this.#closed) {
      const channels = this.#channelsAfter(after);
      for (const channel of channels) {
        while (!this.#closed && this.#hasSomethingToDrop(channel)) await this.#drop(channel);
        await this.#removeLeftovers(channel);
      }
      const last = channels.at(-1);
      if (last === undefined) return;
      after = last;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #channelsAfter(after: string): string[] {
    const channels: string[] = [];
    for (const { key } of this.#database.range(channelNumberKey(after), CHANNELS_END)) {
      const channel = String(key[1]);
      if (channel !== after) channels.push(channel);
      if (channels.length >= PAGE) break;
    }
    return channels;
  }

  #hasSomethingToDrop(channel: string): boolean {
    const record = readChannel(this.#database, channel);
    return record !== undefined && this.#expired(record, 1) > 0;
  }

  async #drop(channel: string): Promise<void> {
    await this.#commits.write({
      subject: `the first id of channel ${JSON.stringify(channel)}`,
      bytes: 0,
      plan: (draft: Draft) => {
        const record = draft.channel(channel) as ChannelRecord;
        const firstId = record.firstId + this.#expired(record, MAX_STEP);
        draft.setChannel(channel, { ...record, firstId });
        return firstId;
      },
      committed: (firstId) => this.#dropped(channel, firstId),
    });
  }

  /** How many of the oldest events are too many or too old; at most `most`. */
  #expired({ number, firstId, lastId }: ChannelRecord, most: number): number {
    const { maxAgeMs, maxEvents } = this.#retention;
    const kept = lastId - firstId + 1;
    let count = maxEvents ? Math.min(Math.max(kept - maxEvents, 0), most) : 0;
    if (!maxAgeMs) return count;
    const oldest = Date.now() - maxAgeMs;
    while (count < Math.min(kept, most)) {
      const event = this.#database.get(eventKey(number, firstId + count));
      if (event === undefined || timestampOf(event) >= oldest) break;
      count++;
    }
    return count;
  }

  /**
   * Removes the events below the first id, and before them their entries in type files: as long as one such event
   * is there, the work is not done, whenever it was broken off.
   */
  async #removeLeftovers(channel: string): Promise<void> {
    const record = readChannel(this.#database, channel);
    if (record === undefined) return;
    const { number, firstId } = record;
    const events: [Key, Key] = [eventKey(number, 0), eventKey(number, firstId)];
    if (this.#keys(...events, 1).length === 0) return;

    // Type by type: whatever is first beyond one of them belongs to the next.
    let place = typeKey(number, '', 0);
    for (let seen = 1; ; seen++) {
      const [next] = this.#keys(place, typesEnd(number), 1);
      if (next === undefined) break;
      const type = String(next[2]);
      await this.#removeAll(channel, typeKey(number, type, 0), typeKey(number, type, firstId));
      if (this.#closed) return;
      place = typeKey(number, type, Number.MAX_SAFE_INTEGER);
      if (seen % PAGE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#removeAll(channel, ...events);
  }

  /** Removes what lies between two keys, a step at a time. */
  async #removeAll(channel: string, start: Key, end: Key): Promise<void> {
    while (!this.#closed) {
      const keys = this.#keys(start, end, MAX_STEP);
      if (keys.length === 0) return;
      await this.#commits.write({
        subject: `the removal of old events of channel ${JSON.stringify(channel)}`,
        bytes: 0,
        plan: (draft: Draft) => {
          for (const key of keys) draft.remove(key);
        },
      });
    }
  }

  #keys(start: Key, end: Key, count: number): Key[] {
    const keys: Key[] = [];
    if (count <= 0) return keys;
    for (const { key } of this.#database.range(start, end)) {
      keys.push(key);
      if (keys.length >= count) break;
    }
    return keys;
  }
}

const TIMESTAMP = /^\{"id":\d+,"timestamp":(\d+)/;

/** Every event begins with its id and its timestamp. */
function timestampOf(event: Buffer): number {
  return Number(TIMESTAMP.exec(event.toString('latin1', 0, 64))?.[1]);
}
