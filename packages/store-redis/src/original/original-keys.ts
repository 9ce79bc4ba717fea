/**
 * Where the original, `ganomede-events` up to 1.5.5, keeps what in its Redis. Nothing there expires.
 *
 * | key | type | holds |
 * | --- | --- | --- |
 * | `indices:<channel>` | string | the last id given, which is counted before its event is stored |
 * | `<channel>:indices` | string | the same, in version 1.0 |
 * | `<channel>:<id>` | string | the event as JSON text, with id and timestamp |
 * | `<channel>:keys` | sorted set | the keys of the events, by their ids |
 * | `last-fetched:<clientId>:<channel>` | string | a saved cursor: the id of the last event seen |
 * | `indices:<index id>` | string | the definition of an index as JSON text; the prefix is that of the counters |
 * | `index:<index id>:<value>` | list | ids of the events that have the value: made again from the events, so not read |
 *
 * Names may hold colons, and other programs may use the same Redis, so that a key alone does not tell what it is.
 */
const COUNTER = 'indices:';
const FORMER_COUNTER = ':indices';
const EVENT_KEYS = ':keys';
const CURSOR = 'last-fetched:';

export const counterKey = (channel: string) => `${COUNTER}${channel}`;
export const formerCounterKey = (channel: string) => `${channel}${FORMER_COUNTER}`;
export const eventKeysKey = (channel: string) => `${channel}${EVENT_KEYS}`;
/** `name`: `<clientId>:<channel>` */
export const cursorKey = (name: string) => `${CURSOR}${name}`;

/** What the name of a key may stand for. */
export type PossibleKey =
  /** A counter, or an index. */
  | { readonly kind: 'counter'; readonly name: string }
  | { readonly kind: 'former counter'; readonly name: string }
  /** The keys of the events of a channel. */
  | { readonly kind: 'channel'; readonly name: string }
  /** `name`: `<clientId>:<channel>` */
  | { readonly kind: 'cursor'; readonly name: string }
  /** What is found by other keys, or is made again. */
  | { readonly kind: 'event' | 'index' };

/** What a key may be by its name, the likeliest first. */
export function possibleKeys(key: string): PossibleKey[] {
  const possible: PossibleKey[] = [];
  if (key.startsWith(CURSOR)) possible.push({ kind: 'cursor', name: key.slice(CURSOR.length) });
  if (key.startsWith(COUNTER)) possible.push({ kind: 'counter', name: key.slice(COUNTER.length) });
  if (key.endsWith(EVENT_KEYS)) possible.push({ kind: 'channel', name: key.slice(0, -EVENT_KEYS.length) });
  if (key.endsWith(FORMER_COUNTER)) {
    possible.push({ kind: 'former counter', name: key.slice(0, -FORMER_COUNTER.length) });
  }
  if (/^index:./.test(key)) possible.push({ kind: 'index' });
  if (/.:\d+$/.test(key)) possible.push({ kind: 'event' });
  return possible;
}

/** What a counter, or a cursor, says; undefined if it is none. */
export function parseId(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const id = Number(text);
  return Number.isSafeInteger(id) ? id : undefined;
}

export interface ConsumerName {
  readonly clientId: string;
  readonly channel: string;
}

/** Every way in which the name of a cursor can be split so that its channel is known, the longest channel first. */
export function consumersOf(name: string, isChannel: (channel: string) => boolean): ConsumerName[] {
  const found: ConsumerName[] = [];
  for (let colon = name.indexOf(':', 1); colon !== -1; colon = name.indexOf(':', colon + 1)) {
    const channel = name.slice(colon + 1);
    if (isChannel(channel)) found.push({ clientId: name.slice(0, colon), channel });
  }
  return found;
}
