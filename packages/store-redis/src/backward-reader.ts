import type { ChannelAddress } from '@ganomede/events-protocol';
import { type ChannelBounds, EventPage, type LatestCursor, MAX_PAGE_BYTES } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import { EMPTY, position, type Reader } from './reader.js';

/** How far to go back from where. */
export type BackwardCursor = Omit<LatestCursor, 'channel'>;

/** Some ids of a channel, from where the last ones ended. */
interface Ids {
  /** Descending. */
  readonly ids: readonly number[];
  readonly position: ChannelBounds;
  /** Whether there is nothing below them. */
  readonly ended: boolean;
}

/** Up to `count` ids below `before`; 0 for the newest. */
type FindIds = (before: number, count: number) => Promise<Ids>;

/** Reads the newest events first: finds their ids, then fetches them, until there are enough or they fill a batch. */
export class BackwardReader {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #reader: Reader;

  constructor(connection: Connection, keys: Keys, reader: Reader) {
    this.#connection = connection;
    this.#keys = keys;
    this.#reader = reader;
  }

  /** The newest events of a channel, or of one type of it; ascending. */
  async latest({ channel, type }: ChannelAddress, cursor: BackwardCursor): Promise<EventPage> {
    const find: FindIds =
      type === undefined
        ? (before, count) => this.#idsOfChannel(channel, before, count)
        : (before, count) => this.#idsOfList(channel, this.#keys.type(channel, type), before, count);
    const { texts, position: place } = await this.#collect(channel, find, cursor);
    return new EventPage(texts.reverse(), place);
  }

  /** The events of a channel whose ids are in a list, ascending there; newest first. */
  async ofList(channel: string, list: string, cursor: BackwardCursor): Promise<EventPage> {
    const find: FindIds = (before, count) => this.#idsOfList(channel, list, before, count);
    const { texts, position: place } = await this.#collect(channel, find, cursor);
    return new EventPage(texts, place);
  }

  /** Newest first. */
  async #collect(
    channel: string,
    find: FindIds,
    { limit, before = 0 }: BackwardCursor,
  ): Promise<{ texts: Buffer[]; position: ChannelBounds }> {
    const texts: Buffer[] = [];
    let bytes = 0;
    let below = before;
    /** As of the first step: events that came later are not in the batch. */
    let place: ChannelBounds | undefined;
    for (;;) {
      const count = Math.min(limit - texts.length, this.#reader.chunk(channel, MAX_PAGE_BYTES - bytes));
      const { ids, position: known, ended } = await find(below, count);
      place ??= known;
      const found = await this.#reader.pick(channel, ids.toReversed(), known.firstId);
      for (const text of found.reverse()) {
        texts.push(text);
        bytes += text.length;
        if (bytes >= MAX_PAGE_BYTES) break;
      }
      // What is no longer there was dropped meanwhile, and all below it too.
      const dropped = found.length < ids.length;
      if (ended || dropped || texts.length >= limit || bytes >= MAX_PAGE_BYTES)
        return { texts, position: place };
      below = ids.at(-1) ?? below;
    }
  }

  async #idsOfChannel(channel: string, before: number, count: number): Promise<Ids> {
    const { channel: key } = this.#keys.of(channel);
    const known = await this.#connection.run(key, `read ${key}`, (client) =>
      client.hmget(key, 'first', 'last'),
    );
    if (known[1] == null) return { ids: [], position: EMPTY, ended: true };
    const [first, last] = [Number(known[0]), Number(known[1])];
    const newest = before === 0 ? last : Math.min(before - 1, last);
    const size = Math.max(Math.min(count, newest - first + 1), 0);
    const ids = Array.from({ length: size }, (_, i) => newest - i);
    return { ids, position: position(first, last), ended: newest - size < first };
  }

  async #idsOfList(channel: string, list: string, before: number, count: number): Promise<Ids> {
    const { channel: key } = this.#keys.of(channel);
    const [first, last, ...found] = await this.#connection.run(key, `read ${list}`, (client) =>
      client.eventsNewestIds(key, list, before, count),
    );
    if (last == null) return { ids: [], position: EMPTY, ended: true };
    const ids = found.map(Number);
    return { ids, position: position(Number(first), Number(last)), ended: ids.length < count };
  }
}
