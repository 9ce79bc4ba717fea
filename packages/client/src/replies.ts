import { CURSOR_SHARED_HEADER, EPOCH_HEADER } from '@ganomede/events-protocol';
import { boundsOf } from './channel-bounds.js';
import type { EventHeader } from './channel-types.js';
import type { EventPage } from './event-page.js';
import type { GroupState } from './group-settings.js';
import type { Expected } from './request.js';
import { type Rewind, rewindByBounds, rewindOf } from './rewind.js';
import type { SettlementKind, SettlementLists } from './settlement.js';
import type { About, ErrorBody, Event, IndexDefinition, ReadIndexReply } from './wire-types.js';

const EPOCH = EPOCH_HEADER.toLowerCase();
const CURSOR_SHARED = CURSOR_SHARED_HEADER.toLowerCase();

/** Whatever it is: only that it came matters. */
export const ANYTHING: Expected<true> = { what: 'anything', read: () => true };

export const HEADER: Expected<EventHeader> = {
  what: 'an event header {id, timestamp}',
  read: (json) => (isHeader(json) ? json : undefined),
};

/** What a grouped request brings: for each of the appends the headers of its events, or an error. */
export function appendResults(appends: readonly { readonly count: number }[]): Expected<AppendResult[]> {
  return {
    what: `${appends.length} results {headers} or {error}`,
    read: (json) => {
      const results = isObject(json) ? json.results : undefined;
      if (!Array.isArray(results) || results.length !== appends.length) return undefined;
      const isResult = (result: unknown, i: number) =>
        isObject(result) &&
        (headers(appends[i]?.count ?? 0).read(result.headers, {}) !== undefined ||
          (isObject(result.error) && hasTexts(result.error, 'code', 'message')));
      return results.every(isResult) ? results : undefined;
    },
  };
}

export type AppendResult = { readonly headers: EventHeader[] } | { readonly error: ErrorBody };

export function headers(count: number): Expected<EventHeader[]> {
  return {
    what: `${count} event headers {id, timestamp}`,
    read: (json) => (Array.isArray(json) && json.length === count && json.every(isHeader) ? json : undefined),
  };
}

/** Events as the protocol has them: each id above the one before, all above `after`, or above where a rewind leads. */
export function eventsAfter(after: number | undefined): Expected<EventPage> {
  return {
    what: `events with ascending ids${after === undefined ? '' : ` above ${after}`}`,
    read: (json, headers) => {
      if (!areAscending(json)) return undefined;
      const bounds = boundsOf(headers);
      const rewind = rewindOf(headers) ?? rewindByBounds(after, bounds, json[0]?.id);
      if (!areAscending(json, rewind?.to ?? after)) return undefined;
      const epoch = headers[EPOCH];
      return {
        events: json,
        bounds,
        epoch: typeof epoch === 'string' ? epoch : undefined,
        isShared: headers[CURSOR_SHARED] !== undefined,
        rewind,
      };
    },
  };
}

/** What a line of a stream is; undefined if it is none of them. */
export function streamLine(json: unknown): StreamLine | undefined {
  if (!isObject(json)) return undefined;
  const { heartbeatMs, cursor, error, channel, rewound, after, firstId, lastId, epoch, events } = json;
  if (Number.isSafeInteger(heartbeatMs)) return { kind: 'heartbeat', heartbeatMs: heartbeatMs as number };
  if (Number.isSafeInteger(cursor)) {
    if (!isObject(error) || !hasTexts(error, 'code', 'message')) return undefined;
    return { kind: 'refusal', cursor: cursor as number, error: error as unknown as ErrorBody };
  }
  if (typeof channel !== 'string' || ![after, firstId, lastId].every(Number.isSafeInteger)) return undefined;
  if (rewound !== undefined && !isRewind(rewound)) return undefined;
  if (!areAscending(events, rewound?.to)) return undefined;
  const bounds = { firstId: firstId as number, lastId: lastId as number };
  const page = {
    events,
    bounds,
    lookedThrough: after as number,
    epoch: typeof epoch === 'string' ? epoch : undefined,
    rewind: rewound,
  };
  return { kind: 'page', channel, page };
}

/** A line of `POST /streams`. */
export type StreamLine =
  | { readonly kind: 'heartbeat'; readonly heartbeatMs: number }
  | { readonly kind: 'refusal'; readonly cursor: number; readonly error: ErrorBody }
  | { readonly kind: 'page'; readonly channel: string; readonly page: EventPage };

function isRewind(json: unknown): json is Rewind {
  return isObject(json) && Number.isSafeInteger(json.from) && Number.isSafeInteger(json.to);
}

/** What `POST /cursors` brings: for each cursor that it is saved, or an error. */
export function cursorResults(count: number): Expected<CursorResult[]> {
  return {
    what: `${count} results {after} or {error}`,
    read: (json) => {
      const results = isObject(json) ? json.results : undefined;
      if (!Array.isArray(results) || results.length !== count) return undefined;
      const isResult = (result: unknown) =>
        isObject(result) &&
        (Number.isSafeInteger(result.after) ||
          (isObject(result.error) && hasTexts(result.error, 'code', 'message')));
      return results.every(isResult) ? results : undefined;
    },
  };
}

export type CursorResult = { readonly after: number; readonly shared?: true } | { readonly error: ErrorBody };
/** An event that a worker is given. */
export interface DeliveredEvent extends Event {
  readonly delivery: {
    readonly token: string;
    readonly count: number;
    readonly maxDeliveries: number;
    readonly leaseMs: number;
  };
}

export type SettledStatus = 'done' | 'stale';
export type SettledLists = {
  readonly [Kind in SettlementKind]?: readonly ({ status: SettledStatus } | { error: ErrorBody })[];
};

/** What `POST /groups/receive` brings; `settle`: what it has settled. */
export function deliveries(
  settle: SettlementLists | undefined,
): Expected<{ events: DeliveredEvent[]; settled: SettledLists }> {
  return {
    what: 'events with a delivery',
    read: (json) => {
      const { events, settled = {} } = isObject(json) ? json : {};
      if (!areAscending(events) || !events.every(isDelivered)) return undefined;
      return isSettled(settled, settle ?? {}) ? { events, settled } : undefined;
    },
  };
}

/** What `POST /groups/settle` brings. */
export function settledLists(lists: SettlementLists): Expected<SettledLists> {
  return {
    what: 'the status of each settlement, or an error',
    read: (json) => (isSettled(json, lists) ? json : undefined),
  };
}

export const GROUP_STATES: Expected<GroupState[]> = {
  what: 'groups {channel, group, settings, …}',
  read: (json) =>
    Array.isArray(json) &&
    json.every((state) => hasTexts(state, 'channel', 'group') && isObject(state.settings))
      ? json
      : undefined,
};

export const REDRIVEN: Expected<number[]> = {
  what: 'the ids of events {ids}',
  read: (json) => {
    const ids = isObject(json) ? json.ids : undefined;
    return Array.isArray(ids) && ids.every(Number.isSafeInteger) ? ids : undefined;
  },
};

function isDelivered(event: Event): event is DeliveredEvent {
  const { delivery } = event as { delivery?: unknown };
  if (!isObject(delivery) || typeof delivery.token !== 'string') return false;
  return [delivery.count, delivery.maxDeliveries, delivery.leaseMs].every(Number.isSafeInteger);
}

function isSettled(json: unknown, lists: SettlementLists): json is SettledLists {
  if (!isObject(json)) return false;
  return Object.entries(lists).every(([kind, { length }]) => {
    const results = json[kind];
    const isResult = (result: unknown) =>
      isObject(result) &&
      (result.status === 'done' ||
        result.status === 'stale' ||
        (isObject(result.error) && hasTexts(result.error, 'code', 'message')));
    return Array.isArray(results) && results.length === length && results.every(isResult);
  });
}

export const EVENTS: Expected<Event[]> = {
  what: 'events with ascending ids',
  read: (json) => (areAscending(json) ? json : undefined),
};

export const OK: Expected<'OK'> = { what: '"OK"', read: (json) => (json === 'OK' ? json : undefined) };

export const INDEX_DEFINITIONS: Expected<IndexDefinition[]> = {
  what: 'index definitions {id, channel, field}',
  read: (json) =>
    Array.isArray(json) && json.every((index) => hasTexts(index, 'id', 'channel', 'field'))
      ? json
      : undefined,
};

/** A channel, and where it begins and ends; what cannot be read now is absent. */
export interface ListedChannel {
  readonly channel: string;
  /** The oldest event that is kept; 0 if none is. */
  readonly firstId?: number;
  /** The newest id given. */
  readonly lastId?: number;
  /** Of the newest event, in milliseconds since the Unix epoch. */
  readonly lastTimestamp?: number;
}

export const CHANNELS: Expected<ListedChannel[]> = {
  what: 'channels {channel, firstId, lastId, lastTimestamp}',
  read: (json) => (Array.isArray(json) && json.every((each) => hasTexts(each, 'channel')) ? json : undefined),
};

/** A consumer on a channel name; what is not known is absent. */
export interface ListedConsumer {
  /** Of a group there is none. */
  readonly clientId?: string;
  /** If it is a group. */
  readonly group?: string;
  readonly channel: string;
  /** The id of the last event that it has seen. */
  readonly after: number;
  /** How many events of the channel name lie ahead of it. */
  readonly lag?: number;
  /** The age of the oldest of them, in milliseconds. */
  readonly behindMs?: number;
  /** When it came to be there, in milliseconds since the Unix epoch. */
  readonly savedAt?: number;
  /** Of a group, see `GroupState`. */
  readonly pending?: number;
  readonly redelivered?: number;
  readonly deadLetters?: number;
  readonly oldestPendingMs?: number;
}

export const CONSUMERS: Expected<ListedConsumer[]> = {
  what: 'consumers {clientId or group, channel, after, lag, …}',
  read: (json) =>
    Array.isArray(json) &&
    json.every(
      (each) =>
        (hasTexts(each, 'clientId', 'channel') || hasTexts(each, 'group', 'channel')) &&
        Number.isSafeInteger(each.after),
    )
      ? json
      : undefined,
};

/** Where a time is in a channel. */
export interface FoundCursor {
  /** Behind it comes the first event of the time or later. */
  readonly after: number;
  /** The oldest event that is kept; 0 if none is. */
  readonly firstId: number;
  /** The newest id given. */
  readonly lastId: number;
  /** To be sent with `after`. */
  readonly epoch?: string;
}

export const FOUND_CURSOR: Expected<FoundCursor> = {
  what: 'a cursor {after, firstId, lastId}',
  read: (json) =>
    isObject(json) && [json.after, json.firstId, json.lastId].every(Number.isSafeInteger)
      ? (json as unknown as FoundCursor)
      : undefined,
};

export const KEPT: Expected<{ firstId: number; lastId: number }> = {
  what: 'what is kept {firstId, lastId}',
  read: (json) =>
    isObject(json) && Number.isSafeInteger(json.firstId) && Number.isSafeInteger(json.lastId)
      ? { firstId: json.firstId as number, lastId: json.lastId as number }
      : undefined,
};

/** What `POST /redactions` brings: for each event that it is redacted, or an error. */
export function redactions(
  count: number,
): Expected<({ id: number; redacted: true } | { id: number; error: ErrorBody })[]> {
  return {
    what: `${count} results {id, redacted} or {id, error}`,
    read: (json) => {
      const results = isObject(json) ? json.results : undefined;
      if (!Array.isArray(results) || results.length !== count) return undefined;
      const isResult = (result: unknown) =>
        isObject(result) &&
        Number.isSafeInteger(result.id) &&
        (result.redacted === true || (isObject(result.error) && hasTexts(result.error, 'code', 'message')));
      return results.every(isResult) ? results : undefined;
    },
  };
}

export const INDEX_EVENTS: Expected<ReadIndexReply> = {
  what: 'index events {id, field, value, rows}',
  read: (json) => (isIndexPage(json) ? json : undefined),
};

export const ABOUT: Expected<About> = {
  what: 'what the server is {hostname, type, version, description, startDate}',
  read: (json) =>
    hasTexts(json, 'hostname', 'type', 'version', 'description', 'startDate')
      ? (json as unknown as About)
      : undefined,
};

export function pong(token: string): Expected<string> {
  const answer = `pong/${token}`;
  return { what: JSON.stringify(answer), read: (json) => (json === answer ? answer : undefined) };
}

function isHeader(json: unknown): json is EventHeader {
  return isObject(json) && Number.isSafeInteger(json.id) && Number.isSafeInteger(json.timestamp);
}

/** Whether these are events, each id above the one before and all above `after`. */
function areAscending(json: unknown, after = 0): json is Event[] {
  if (!Array.isArray(json)) return false;
  let last = after;
  for (const event of json) {
    const id = typeof event === 'object' && event !== null ? event.id : undefined;
    if (!Number.isSafeInteger(id) || id <= last) return false;
    last = id;
  }
  return true;
}

function isIndexPage(json: unknown): json is ReadIndexReply {
  if (!isObject(json) || !hasTexts(json, 'id', 'field', 'value')) return false;
  const { rows, next } = json;
  if (next !== undefined && !Number.isSafeInteger(next)) return false;
  // In whatever order.
  return Array.isArray(rows) && rows.every((event) => areAscending([event]));
}

function hasTexts(json: unknown, ...names: string[]): boolean {
  return isObject(json) && names.every((name) => typeof json[name] === 'string');
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null;
}
