import type { ChannelStorage, TrimLimits } from '@ganomede/events-store';
import type { ChannelList } from './channel-list.js';
import type { Connection } from './connection.js';
import type { ChannelKeys, Keys } from './keys.js';
import { mendChannel } from './scripts/mend-channel.js';
import { type TrimmedChannel, trimChannel } from './scripts/trim-channel.js';
import { trimType } from './scripts/trim-type.js';

/** Most events or ids that one script drops: it takes well under a millisecond. */
const MAX_DROPPED = 1_000;
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

  constructor(connection: Connection, keys: Keys, list: ChannelList) {
    this.#connection = connection;
    this.#keys = keys;
    this.#list = list;
  }

  list(range: { readonly after: string; readonly limit: number }): Promise<string[]> {
    return this.#list.names(range);
  }

  count(): Promise<number> {
    return this.#list.count();
  }

  async trim(channel: string, limits: TrimLimits, signal: AbortSignal): Promise<void> {
    const keys = this.#keys.of(channel);
    let trimmed: Trimmed;
    do trimmed = await this.#trimEvents(keys, limits);
    while (trimmed?.dropped === MAX_DROPPED && !signal.aborted);
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
