import { EventsError } from '@ganomede/events-protocol';
import { type ChannelBounds, NO_BOUNDS } from '@ganomede/events-store';
import { BOUNDS_FIELDS, parseBounds } from './channel-bounds.js';
import type { Connection } from './connection.js';
import { idOfEntry, isEvent } from './entry.js';
import type { Keys } from './keys.js';
import { mendChannel } from './scripts/mend-channel.js';
import { pickEvents } from './scripts/pick-events.js';

/** How many events are asked for at once: at first, and at most if they are known to be small. */
const FIRST_CHUNK = 100;
const MAX_CHUNK = 1_000;
/** About how many bytes of events one reply is to hold. */
const REPLY_BYTES = 1024 * 1024;
/** A whole stretch of the channel is read if at least one in so many of its events is wanted. */
const SPARSE = 4;
/** Events fetched by one script, each of which Redis walks to: with 100 it takes a few milliseconds at worst. */
const MAX_PICKED = 100;
/** How often a read starts again because the channel was trimmed under it. */
const MAX_ATTEMPTS = 10;
/** Channels of which something is remembered: those read last. */
const MAX_HINTS = 10_000;

/** What is remembered of a channel, to ask the right question at once. */
interface Hint {
  /** Oldest id kept, when last heard of. */
  readonly firstId: number;
  /** Mean size of its events, bytes. */
  readonly eventBytes: number;
}

/** What was read of a channel. */
interface Range {
  readonly texts: readonly Buffer[];
  /** The id up to which there is nothing else. */
  readonly to: number;
  readonly bounds: ChannelBounds;
}

const NO_HINT: Hint = { firstId: 1, eventBytes: 0 };

/** Reads the events of a channel by their ids: JSON texts as they are stored. */
export class EventReader {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #hints = new Map<string, Hint>();

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Up to `count` events after `after`, fewer if there are ids that no event has. */
  async range(channel: string, after: number, count: number): Promise<Range> {
    const { texts: entries, to, bounds } = await this.#entries(channel, after, count);
    const last = entries.at(-1);
    if (last === undefined || entries.every(isEvent)) return { texts: entries, to, bounds };
    const gap = isEvent(last) ? undefined : await this.#gapAt(channel, to);
    return { texts: entries.filter(isEvent), to: Math.max(to, Math.min(gap?.to ?? to, bounds.lastId)), bounds };
  }

  /** The lowest id from which on up to this one no event has one; the id itself if an event has it. */
  async startOfGap(channel: string, id: number): Promise<number> {
    return (await this.#gapAt(channel, id))?.from ?? id;
  }

  async #gapAt(channel: string, id: number): Promise<{ from: number; to: number } | undefined> {
    const { gaps } = this.#keys.of(channel);
    const [found] = await this.#connection.run(gaps, `read ${gaps}`, (client) =>
      client.zrange(gaps, id, '+inf', 'BYSCORE', 'LIMIT', 0, 1),
    );
    const [from = Number.POSITIVE_INFINITY, to = 0] = found?.split(' ').map(Number) ?? [];
    return from <= id ? { from, to } : undefined;
  }

  /**
   * Up to `count` entries after `after`, in one round trip. The index of an event follows from the first id; if
   * the one that is remembered is wrong, the events are not those that were asked for, and it is asked again. If it is right and
   * they are not, somebody else has taken events away: the channel begins behind them from now on.
   */
  async #entries(channel: string, after: number, count: number): Promise<Range> {
    const keys = this.#keys.of(channel);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const { firstId: guess } = this.#hint(channel);
      const from = Math.max(after + 1, guess);
      const [known, texts] = await this.#connection.run(keys.channel, `read ${keys.channel}`, (client) =>
        // Sent together and run in this order: the events reach at least to the last id.
        Promise.all([
          client.hmget(keys.channel, ...BOUNDS_FIELDS),
          client.lrangeBuffer(keys.events, from - guess, from - guess + count - 1),
        ]),
      );
      const hashed = parseBounds(known);
      if (hashed === undefined) return { texts: [], to: after, bounds: NO_BOUNDS };
      const { firstId: first, bounds } = hashed;
      this.#remember(channel, first, texts);
      const start = Math.max(after + 1, first);
      const expected = Math.max(Math.min(count, bounds.lastId - start + 1), 0);
      const isRight = from === start && texts.length >= expected && follow(texts, start);
      // What came after the bounds were read may be of another epoch.
      if (isRight || expected === 0)
        return { texts: texts.slice(0, expected), to: start - 1 + expected, bounds };
      if (from === start) await this.#mend(channel);
    }
    throw new EventsError(
      'ServiceUnavailable',
      `Cannot read channel ${JSON.stringify(channel)}: it changes all the time`,
    );
  }

  /**
   * The entries (see entry.ts) with these ids that are still kept. `ids` ascend; `firstId` is the oldest kept when last heard of. If
   * some are not, the channel begins behind them by now.
   */
  async pick(channel: string, ids: readonly number[], firstId: number): Promise<Buffer[]> {
    const [lowest, highest] = [ids[0], ids.at(-1)];
    if (lowest === undefined || highest === undefined) return [];
    const stretch = highest - lowest + 1;
    if (stretch <= ids.length * SPARSE && stretch <= MAX_CHUNK) {
      const { texts } = await this.#entries(channel, lowest - 1, stretch);
      const base = texts[0] === undefined ? 0 : idOfEntry(texts[0]);
      return ids.flatMap((id) => texts[id - base] ?? []);
    }
    const keys = this.#keys.of(channel);
    const texts: Buffer[] = [];
    for (let i = 0; i < ids.length; i += MAX_PICKED) {
      const some = ids.slice(i, i + MAX_PICKED);
      const args = { channel: keys.channel, events: keys.events, ids: some };
      texts.push(...(await this.#connection.script(`read ${keys.channel}`, pickEvents, args)));
    }
    this.#remember(channel, firstId, texts);
    if (texts.length < ids.length) await this.#mend(channel);
    return texts;
  }

  /** Those of the events with these ids, in any order, that are still kept; undefined for the others. */
  async byId(channel: string, ids: readonly number[]): Promise<(Buffer | undefined)[]> {
    const ascending = [...new Set(ids)].sort((a, b) => a - b);
    const texts = await this.pick(channel, ascending, this.#hint(channel).firstId);
    const found = new Map(texts.filter(isEvent).map((text) => [idOfEntry(text), text]));
    return ids.map((id) => found.get(id));
  }

  /** How many events to ask for, with so many bytes to go. */
  chunk(channel: string, bytes: number): number {
    const { eventBytes } = this.#hint(channel);
    if (eventBytes === 0) return FIRST_CHUNK;
    return Math.max(1, Math.min(Math.ceil(Math.min(bytes, REPLY_BYTES) / eventBytes), MAX_CHUNK));
  }

  async #mend(channel: string): Promise<void> {
    const keys = this.#keys.of(channel);
    await this.#connection.script(`read ${keys.channel}`, mendChannel, keys);
  }

  #hint(channel: string): Hint {
    return this.#hints.get(channel) ?? NO_HINT;
  }

  #remember(channel: string, firstId: number, entries: readonly Buffer[]): void {
    const { eventBytes: before } = this.#hint(channel);
    // An id alone tells nothing of the size of events.
    const texts = entries.filter(isEvent);
    const bytes = texts.reduce((sum, text) => sum + text.length, 0);
    const eventBytes = texts.length > 0 ? Math.ceil(bytes / texts.length) : before;
    this.#hints.delete(channel);
    this.#hints.set(channel, { firstId, eventBytes });
    if (this.#hints.size <= MAX_HINTS) return;
    // The first one in the map was read longest ago.
    const [oldest = ''] = this.#hints.keys();
    this.#hints.delete(oldest);
  }
}

/** Whether entries follow on each other from `start` on, as far as the first and the last of them tell: ids in a list ascend. */
function follow(texts: readonly Buffer[], start: number): boolean {
  const [first, last] = [texts[0], texts.at(-1)];
  if (first === undefined || last === undefined) return true;
  return idOfEntry(first) === start && idOfEntry(last) === start + texts.length - 1;
}
