import { type ChannelBounds, EventPage, MAX_PAGE_BYTES, NO_BOUNDS, type Scan } from '@ganomede/events-store';
import { BOUNDS_FIELDS, parseBounds } from './channel-bounds.js';
import type { Connection } from './connection.js';
import { idOfEntry, isEvent } from './entry.js';
import type { EventReader } from './event-reader.js';
import type { Keys } from './keys.js';
import { type FindIdsArgs, type FoundIds, findIds } from './scripts/find-ids.js';

/** Some of the events of a scan. */
interface Step {
  readonly texts: readonly Buffer[];
  readonly bounds: ChannelBounds;
  /** Whether the scan has nothing behind them. */
  readonly ended: boolean;
}

/** Up to `count` events on from where the last step ended. */
type NextStep = (count: number) => Promise<Step>;

/** Some ids of a scan that goes down. */
interface DescendingIds {
  readonly ids: readonly number[];
  readonly bounds: ChannelBounds;
  /** Whether there is nothing below them. */
  readonly ended: boolean;
}

/** Up to `count` ids below `before`; undefined for the newest. */
type FindIds = (before: number | undefined, count: number) => Promise<DescendingIds>;

/** Where a scan that goes down begins, and how far it goes. */
type Descent = { readonly limit: number; readonly before: number | undefined };

/** Scans a channel, a type of it, or the events that a list names: step by step, until there are enough or they fill a page. */
export class Scanner {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #reader: EventReader;

  constructor(connection: Connection, keys: Keys, reader: EventReader) {
    this.#connection = connection;
    this.#keys = keys;
    this.#reader = reader;
  }

  scan(scan: Scan): Promise<EventPage> {
    const { channel, type, limit } = scan;
    if ('after' in scan) {
      const next =
        type === undefined ? this.#up(channel, scan.after) : this.#typeUp(channel, type, scan.after);
      return this.#page(channel, limit, next);
    }
    if (type !== undefined) return this.list(channel, this.#keys.type(channel, type), scan);
    const find: FindIds = (before, count) => this.#idsOfChannel(channel, before, count);
    return this.#page(channel, limit, this.#down(channel, find, scan.before));
  }

  /** The events of a channel whose ids are in a list, ascending there; newest first. */
  list(channel: string, list: string, { limit, before }: Descent): Promise<EventPage> {
    const find: FindIds = (below, count) => this.#idsOfList(channel, list, below, count);
    return this.#page(channel, limit, this.#down(channel, find, before));
  }

  async #page(channel: string, limit: number, next: NextStep): Promise<EventPage> {
    const texts: Buffer[] = [];
    let bytes = 0;
    let before: ChannelBounds | undefined;
    for (;;) {
      const count = Math.min(limit - texts.length, this.#reader.chunk(channel, MAX_PAGE_BYTES - bytes));
      const { texts: found, bounds, ended } = await next(count);
      // Another epoch has begun: what was read before it may be lost.
      if (before && before.epochs?.current !== bounds.epochs?.current) return new EventPage(texts, before);
      before = bounds;
      for (const text of found) {
        texts.push(text);
        bytes += text.length;
        if (bytes >= MAX_PAGE_BYTES) break;
      }
      if (ended || texts.length >= limit || bytes >= MAX_PAGE_BYTES) return new EventPage(texts, bounds);
    }
  }

  /** The bounds are those of the last step, so that they hold its events. */
  #up(channel: string, after: number): NextStep {
    let cursor = after;
    return async (count) => {
      const { texts, to, bounds } = await this.#reader.range(channel, cursor, count);
      const ended = to === cursor || to >= bounds.lastId;
      cursor = to;
      return { texts, bounds, ended };
    };
  }

  #typeUp(channel: string, type: string, after: number): NextStep {
    const list = this.#keys.type(channel, type);
    const { channel: key } = this.#keys.of(channel);
    let cursor = after;
    return async (count) => {
      const [found, texts] = await this.#picked(
        channel,
        () => this.#find(key, list, { after: cursor }, count),
        (all) => ({ ids: all?.ids ?? [], firstId: all?.firstId ?? 1 }),
      );
      if (found === undefined) return { texts: [], bounds: NO_BOUNDS, ended: true };
      const { bounds, ids } = found;
      cursor = ids.at(-1) ?? cursor;
      return { texts, bounds, ended: ids.length < count || cursor >= bounds.lastId };
    };
  }

  /** The bounds are those of the first step: events that came later are not in the page. */
  #down(channel: string, find: FindIds, before: number | undefined): NextStep {
    let below = before;
    let bounds: ChannelBounds | undefined;
    return async (count) => {
      const [{ ids, bounds: found, ended }, texts] = await this.#picked(
        channel,
        () => find(below, count),
        (all) => ({ ids: all.ids.toReversed(), firstId: all.bounds.firstId }),
      );
      bounds ??= found;
      below = ids.at(-1) ?? below;
      const lowest = texts[0];
      if (lowest && !isEvent(lowest)) below = await this.#reader.startOfGap(channel, idOfEntry(lowest));
      // What is no longer there was dropped meanwhile, and all below it too.
      return { texts: texts.filter(isEvent).reverse(), bounds, ended: ended || texts.length < ids.length };
    };
  }

  /**
   * What `find` finds, and the entries (see entry.ts) of the ids in it, ascending. It is asked again if some are gone, so that bounds are told
   * that say so; what went meanwhile a second time is left out.
   */
  async #picked<T>(
    channel: string,
    find: () => Promise<T>,
    idsOf: (found: T) => { readonly ids: readonly number[]; readonly firstId: number },
  ): Promise<[found: T, texts: Buffer[]]> {
    for (let attempt = 1; ; attempt++) {
      const found = await find();
      const { ids, firstId } = idsOf(found);
      const texts = await this.#reader.pick(channel, ids, firstId);
      if (texts.length === ids.length || attempt === 2) return [found, texts];
    }
  }

  async #idsOfChannel(channel: string, before: number | undefined, count: number): Promise<DescendingIds> {
    const { channel: key } = this.#keys.of(channel);
    const known = await this.#connection.run(key, `read ${key}`, (client) =>
      client.hmget(key, ...BOUNDS_FIELDS),
    );
    const hashed = parseBounds(known);
    if (hashed === undefined) return { ids: [], bounds: NO_BOUNDS, ended: true };
    const { firstId: first, bounds } = hashed;
    const newest = Math.min((before ?? Number.POSITIVE_INFINITY) - 1, bounds.lastId);
    const size = Math.max(Math.min(count, newest - first + 1), 0);
    const ids = Array.from({ length: size }, (_, i) => newest - i);
    return { ids, bounds, ended: newest - size < first };
  }

  async #idsOfList(
    channel: string,
    list: string,
    before: number | undefined,
    count: number,
  ): Promise<DescendingIds> {
    const { channel: key } = this.#keys.of(channel);
    const found = await this.#find(key, list, { before }, count);
    if (found === undefined) return { ids: [], bounds: NO_BOUNDS, ended: true };
    const { bounds, ids } = found;
    return { ids, bounds, ended: ids.length < count };
  }

  #find(channel: string, list: string, range: FindIdsArgs['range'], limit: number): Promise<FoundIds> {
    return this.#connection.script(`read ${list}`, findIds, { channel, list, range, limit });
  }
}
