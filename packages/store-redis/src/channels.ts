import type {
  ChannelEnd,
  ChannelStorage,
  PlacedCursor,
  Redaction,
  TrimLimits,
  Unseen,
} from '@ganomede/events-store';
import { ChannelEnds } from './channel-ends.js';
import type { ChannelList } from './channel-list.js';
import type { Connection } from './connection.js';
import type { Cursors } from './cursors.js';
import type { ChannelKeys, Keys } from './keys.js';
import { deleteChannel } from './scripts/delete-channel.js';
import { mendChannel } from './scripts/mend-channel.js';
import { redactEvents } from './scripts/redact-events.js';
import { type TrimmedChannel, trimChannel } from './scripts/trim-channel.js';
import { trimType } from './scripts/trim-type.js';
import { unseen } from './scripts/unseen.js';

/** Most events or ids that one script drops: it takes well under a millisecond. */
const MAX_DROPPED = 1_000;
/** Events that one script looks up, to each of which Redis walks: it takes a few milliseconds at worst. */
const MAX_WALKS = 100;
/** About how many types of a channel are read at a time. */
const TYPES_AT_ONCE = 100;

type Trimmed = Exclude<TrimmedChannel, 'to-mend'>;

/**
 * The channels that there are, and what they drop. Several servers may trim one channel at once: each step is a script
 * that looks at the channel as it is. A channel that nothing is dropped from costs one command.
 */
export class Channels implements ChannelStorage {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #list: ChannelList;
  readonly #cursors: Cursors;
  readonly #ends: ChannelEnds;

  constructor(
    connection: Connection,
    keys: Keys,
    { list, cursors }: { readonly list: ChannelList; readonly cursors: Cursors },
  ) {
    this.#connection = connection;
    this.#keys = keys;
    this.#list = list;
    this.#cursors = cursors;
    this.#ends = new ChannelEnds(connection, keys);
  }

  list(range: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<string[]> {
    return this.#list.names(range);
  }

  ends(channels: readonly string[]): Promise<(ChannelEnd | undefined)[]> {
    return this.#ends.read(channels);
  }

  async unseen(channel: string, cursors: readonly PlacedCursor[]): Promise<Unseen[]> {
    const found: Unseen[] = [];
    for (let i = 0; i < cursors.length; i += MAX_WALKS) {
      const args = { keys: this.#keys, channel, cursors: cursors.slice(i, i + MAX_WALKS) };
      const { channel: key } = this.#keys.of(channel);
      found.push(...(await this.#connection.script(`read ${key}`, unseen, args)));
    }
    return found;
  }

  /** A step at a time; the first one that is a script decides. */
  async delete(channel: string): Promise<boolean> {
    const keys = this.#keys.of(channel);
    // Before, or it would take away what an append has put there after the channel was deleted.
    const wasListed = await this.#list.remove(channel);
    try {
      if (!(await this.#connection.script(`delete ${keys.channel}`, deleteChannel, keys))) return false;
    } catch (error) {
      // It may be as it was.
      if (wasListed) this.#list.addAgain(channel);
      throw error;
    }
    await this.#cursors.deleteAll(channel);
    const { signal } = new AbortController();
    await this.trim(channel, { maxEvents: 0, maxAgeMs: 0, now: 0 }, signal);
    return true;
  }

  async redact(channel: string, redactions: readonly Redaction[]): Promise<boolean[]> {
    const keys = this.#keys.of(channel);
    const outcomes: boolean[] = [];
    for (let i = 0; i < redactions.length; i += MAX_WALKS) {
      const args = { keys, redactions: redactions.slice(i, i + MAX_WALKS) };
      outcomes.push(...(await this.#connection.script(`redact ${keys.channel}`, redactEvents, args)));
    }
    return outcomes;
  }

  count(): Promise<number> {
    return this.#list.count();
  }

  async trim(channel: string, limits: TrimLimits, signal: AbortSignal): Promise<void> {
    const keys = this.#keys.of(channel);
    let trimmed: Trimmed;
    do trimmed = await this.#trimEvents(keys, limits);
    while (trimmed && trimmed.dropped >= MAX_DROPPED && !signal.aborted);
    // An append may have dropped events, and left the type lists to this.
    if (!trimmed?.typesBehind) return;
    for await (const types of this.#typesOf(keys, signal)) {
      await Promise.all(types.map((type) => this.#trimType(channel, type, signal)));
    }
    if (!signal.aborted) await this.#trimEvents(keys, limits, trimmed.firstId);
  }

  async #trimEvents(keys: ChannelKeys, limits: TrimLimits, typesTrimmedTo?: number): Promise<Trimmed> {
    const args = { ...limits, keys, maxDropped: MAX_DROPPED, typesTrimmedTo };
    const subject = `trim ${keys.channel}`;
    const trimmed = await this.#connection.script(subject, trimChannel, args);
    if (trimmed !== 'to-mend') return trimmed;
    await this.#connection.script(subject, mendChannel, keys);
    // If somebody is at it again it is the next sweep's.
    const again = await this.#connection.script(subject, trimChannel, args);
    return again === 'to-mend' ? undefined : again;
  }

  async #trimType(channel: string, type: string, signal: AbortSignal): Promise<void> {
    const list = this.#keys.type(channel, type);
    const args = { keys: this.#keys.of(channel), type, list, maxDropped: MAX_DROPPED };
    let dropped: number;
    do dropped = await this.#connection.script(`trim ${list}`, trimType, args);
    while (dropped === MAX_DROPPED && !signal.aborted);
  }

  /** The types that have a list, some at a time. */
  async *#typesOf({ types: key }: ChannelKeys, signal: AbortSignal): AsyncIterable<string[]> {
    let cursor = '0';
    do {
      const [next, types] = await this.#connection.run(key, `read ${key}`, (client) =>
        client.sscan(key, cursor, 'COUNT', TYPES_AT_ONCE),
      );
      yield types;
      cursor = next;
    } while (cursor !== '0' && !signal.aborted);
  }
}
