/**
 * The keys of the database, all in one tree, ordered by their parts: numbers come before text. What belongs to a
 * channel is keyed by its number, so that a key is short whatever the name, and lies together, so that an append
 * changes few pages: all that a small channel has fits into one. The longest key, a cursor with two names of 256 three-byte
 * characters, takes 1,544 bytes of LMDB's 1,978.
 */
export type Key = (string | number)[];

/** Version of this layout, as decimal text. */
export const FORMAT: Key = ['format'];

/** The highest channel number given, as decimal text. */
export const CHANNEL_COUNT: Key = ['channels'];

/** The number of a channel, as decimal text. */
export const channelNumberKey = (channel: string): Key => ['c', channel];

/** Above the keys of the numbers of all channels; what comes next is not one of them. */
export const CHANNELS_END: Key = CHANNEL_COUNT;

/** The number of a channel that was deleted, and to which nothing was appended since, likewise. */
export const deletedChannelKey = (channel: string): Key => ['a', channel];

/** Around the keys of the numbers of all deleted channels. */
export const DELETED_CHANNELS: readonly [start: Key, end: Key] = [['a'], ['b']];

/** An event (see stored-event.ts). */
export const eventKey = (channelNumber: number, id: number): Key => [channelNumber, id];

/** A channel's record (see channel-record.ts), next to the newest event. */
export const channelKey = (channelNumber: number): Key => [channelNumber, 'c'];

/** The epochs of a channel before the current one, separated by spaces. */
export const earlierEpochsKey = (channelNumber: number): Key => [channelNumber, 'e'];

/** What is remembered of a channel that has timestamps of the future (see future-mark.ts). */
export const futureMarkKey = (channelNumber: number): Key => [channelNumber, 'f'];

/** Ids up to this one that no event has (see gaps.ts). */
export const gapKey = (channelNumber: number, lastId: number): Key => [channelNumber, 'g', lastId];

/** Nothing: the key says that the event is filed under the type. */
export const typeKey = (channelNumber: number, type: string, id: number): Key => [
  channelNumber,
  't',
  type,
  id,
];

/** Above the keys of all types of a channel. */
export const typesEnd = (channelNumber: number): Key => [channelNumber, 'u'];

/** The highest index number given, as decimal text. */
export const INDEX_COUNT: Key = ['indices'];

/** The definition of an index: channel and field, as JSON text. */
export const definitionKey = (id: string): Key => ['d', id];

/** Around the keys of all definitions. */
export const DEFINITIONS: readonly [start: Key, end: Key] = [['d'], ['e']];

/** What is known of an index of a channel, or of one type of it, by a field (see index-record.ts). */
export const indexRecordKey = (channel: string, type: string | undefined, field: string): Key => [
  'n',
  channel,
  type ?? '',
  field,
];

/** Nothing: the key says that the event has the value. */
export const indexValueKey = (indexNumber: number, value: string, id: number): Key => [
  'v',
  indexNumber,
  value,
  id,
];

/** The value of an event in an index, so that it is found when the event is dropped. */
export const indexEventKey = (indexNumber: number, id: number): Key => ['w', indexNumber, id];

/** An idempotency record that was used (see idempotency-records.ts). */
export const idempotencyKey = (scope: string): Key => ['o', scope];

/** Idempotency records are forgotten apart: those of publishers, and those of dead letters, whose window is another. */
export type Expiries = 'x' | 'y';

/** Nothing: the key says when the idempotency record is to be forgotten, by the steady clock. */
export const expiryKey = (expiries: Expiries, expires: number, scope: string): Key => [
  expiries,
  expires,
  scope,
];

/** Before the keys of all that are to be forgotten at `expires` or later. */
export const expiriesFrom = (expiries: Expiries, expires: number): Key => [expiries, expires];

/** Above the keys of all that are to be forgotten. */
export const expiriesEnd = (expiries: Expiries): Key => (expiries === 'x' ? ['y'] : ['z']);

/**
 * The saved cursor of a consumer (see cursors.ts) on a channel name, `channel:type` included. Those on one name lie
 * together.
 */
export const cursorKey = (name: string, clientId: string): Key => ['p', name, clientId];

/** Above the keys of all cursors on a channel name: no name holds a control character. */
export const cursorsEnd = (name: string): Key => ['p', `${name} `];

/** Around the keys of all cursors. */
export const CURSORS: readonly [start: Key, end: Key] = [['p'], ['q']];

/** The highest group number given, as decimal text. */
export const GROUP_COUNT: Key = ['groups'];

/** The number of a group on a channel, or on one type of it, as decimal text. */
export const groupNumberKey = (channel: string, type: string | undefined, group: string): Key => [
  'q',
  channel,
  type ?? '',
  group,
];

/** Before the keys of the numbers of all groups of a channel. */
export const groupsFrom = (channel: string): Key => ['q', channel];

/** Around the keys of the numbers of all groups. */
export const GROUPS: readonly [start: Key, end: Key] = [['q'], ['r']];

/** A record of a group, as JSON text with a checksum (see group-records.ts of the store). */
export const groupRecordKey = (groupNumber: number, kind: string, name: string | number): Key => [
  'r',
  groupNumber,
  kind,
  name,
];

/** Around the keys of all records of a kind. */
export const groupRecordsOf = (groupNumber: number, kind: string): readonly [start: Key, end: Key] => [
  ['r', groupNumber, kind],
  ['r', groupNumber, `${kind}~`],
];

/** Nothing: the key says where an event is in an order of a group. */
export const groupOrderKey = (groupNumber: number, order: string, time: number, id: number): Key => [
  'r',
  groupNumber,
  order,
  time,
  id,
];

/** Around the keys of all that a group has. */
export const allOfGroup = (groupNumber: number): readonly [start: Key, end: Key] => [
  ['r', groupNumber],
  ['r', groupNumber + 1],
];

/** The time of the steady clock at the last step of a group, as decimal text: it goes on from there when the store is opened. */
export const GROUP_TIME: Key = ['time'];
