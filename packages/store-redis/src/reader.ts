import { type ChannelAddress, EventsError } from '@ganomede/events-protocol';
import { type ChannelBounds, EventPage, MAX_PAGE_BYTES, type ReadCursor } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { ChannelKeys, Keys } from './keys.js';

/** How many events are asked for at once: at first, and at most where they are known to be small. */
const FIRST_CHUNK = 100;
const MAX_CHUNK = 1_000;
/** About how many bytes of events one reply is to hold. */
const REPLY_BYTES = 1024 * 1024;
/** A typed read takes a whole stretch of the channel where at least one in so many events is of the type. */
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

const NO_HINT: Hint = { firstId: 1, eventBytes: 0 };

/** Some events of a channel, and where it began and ended before they were read. */
interface Chunk {
  readonly texts: readonly Buffer[];
  /** Id of the last event that was looked at. */
  readonly lastRead: number;
  readonly position: ChannelBounds;
}

export const EMPTY: ChannelBounds = { firstId: 0, lastId: 0 };

/** Reads the events of a channel, or of one type of it, after a cursor: JSON texts as they are stored. */
export class Reader {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #hints = new Map<string, Hint>();

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  async read({ channel, type }: ChannelAddress, { after, limit }: ReadCursor): Promise<EventPage> {
    const keys = this.#keys.of(channel);
    const texts: Buffer[] = [];
    let bytes = 0;
    let place = after;
    for (;;) {
      const count = Math.min(limit - texts.length, this.chunk(channel, MAX_PAGE_BYTES - bytes));
      const {
        texts: found,
        lastRead,
        position,
      } = await (type === undefined
        ? this.#range(channel, keys, place, count)
        : this.#ofType(channel, keys, type, place, count));
      for (const text of found) {
        texts.push(text);
        bytes += text.length;
        if (bytes >= MAX_PAGE_BYTES) break;
      }
      if (texts.length >= limit || bytes >= MAX_PAGE_BYTES || lastRead >= position.lastId) {
        return new EventPage(texts, position);
      }
      place = lastRead;
    }
  }

  /**
   * Up to `count` events after `after`, in one round trip. The index of an event follows from the first id; where
   * the one that is remembered is wrong, the events are not those that were asked for, and it is asked again.
   */
  async #range(channel: string, keys: ChannelKeys, after: number, count: number): Promise<Chunk> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const { firstId: guess } = this.#hint(channel);
      const from = Math.max(after + 1, guess);
      const [known, texts] = await this.#connection.run(keys.channel, `read ${keys.channel}`, (client) =>
        // Sent together and run in this order: the events reach at least to the last id.
        Promise.all([
          client.hmget(keys.channel, 'first', 'last'),
          client.lrangeBuffer(keys.events, from - guess, from - guess + count - 1),
        ]),
      );
      if (known[1] == null) return { texts: [], lastRead: after, position: EMPTY };
      const [first, last] = [Number(known[0]), Number(known[1])];
      const start = Math.max(after + 1, first);
      this.#remember(channel, first, texts);
      const expected = Math.max(Math.min(count, last - start + 1), 0);
      const right =
        from === start && texts.length >= expected && (texts.length === 0 || idOf(texts[0]) === start);
      if (!right && expected > 0) continue;
      const found = expected === 0 && !right ? [] : texts;
      const lastRead = Math.max(start + found.length - 1, after);
      return {
        texts: found,
        lastRead,
        position: position(first, found.length > 0 ? Math.max(last, lastRead) : last),
      };
    }
    throw new EventsError(
      'ServiceUnavailable',
      `Cannot read channel ${JSON.stringify(channel)}: it changes all the time`,
    );
  }

  async #ofType(
    channel: string,
    keys: ChannelKeys,
    type: string,
    after: number,
    count: number,
  ): Promise<Chunk> {
    const file = this.#keys.type(channel, type);
    const subject = `read ${file}`;
    const [first, last, ...found] = await this.#connection.run(keys.channel, subject, (client) =>
      client.eventsIdsOfType(keys.channel, file, after, count),
    );
    if (last == null) return { texts: [], lastRead: after, position: EMPTY };
    const place = position(Number(first), Number(last));
    const ids = found.map(Number);
    // Nothing more of the type: the whole channel has been looked at.
    const lastRead = ids.length < count ? place.lastId : (ids.at(-1) ?? place.lastId);
    return { texts: await this.pick(channel, ids, Number(first)), lastRead, position: place };
  }

  /** Those of the events with these ids that are still kept. `ids` ascend; `firstId` is the oldest kept when last heard of. */
  async pick(channel: string, ids: readonly number[], firstId: number): Promise<Buffer[]> {
    const [lowest, highest] = [ids[0], ids.at(-1)];
    if (lowest === undefined || highest === undefined) return [];
    const keys = this.#keys.of(channel);
    const stretch = highest - lowest + 1;
    if (stretch <= ids.length * SPARSE && stretch <= MAX_CHUNK) {
      const { texts } = await this.#range(channel, keys, lowest - 1, stretch);
      const base = texts.length > 0 ? idOf(texts[0]) : 0;
      return ids.flatMap((id) => texts[id - base] ?? []);
    }
    const texts: Buffer[] = [];
    for (let i = 0; i < ids.length; i += MAX_PICKED) {
      const some = ids.slice(i, i + MAX_PICKED);
      const picked = await this.#connection.run(keys.channel, `read ${keys.channel}`, (client) =>
        client.eventsPickBuffer(keys.channel, keys.events, ...some),
      );
      texts.push(...picked);
    }
    this.#remember(channel, firstId, texts);
    return texts;
  }

  /** How many events to ask for, with so many bytes to go. */
  chunk(channel: string, bytes: number): number {
    const { eventBytes } = this.#hint(channel);
    if (eventBytes === 0) return FIRST_CHUNK;
    return Math.max(1, Math.min(Math.ceil(Math.min(bytes, REPLY_BYTES) / eventBytes), MAX_CHUNK));
  }

  #hint(channel: string): Hint {
    return this.#hints.get(channel) ?? NO_HINT;
  }

  #remember(channel: string, firstId: number, texts: readonly Buffer[]): void {
    const { eventBytes: before } = this.#hint(channel);
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

/** Where nothing is kept, the first id is one above the last. */
export function position(first: number, last: number): ChannelBounds {
  return { firstId: first > last ? 0 : first, lastId: last };
}

const ID = /^\{"id":(\d+),/;

/** Every event begins with its id. */
function idOf(text: Buffer | undefined): number {
  return Number(ID.exec(text?.toString('latin1', 0, 24) ?? '')?.[1]);
}
