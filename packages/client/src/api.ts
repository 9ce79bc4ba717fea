// The endpoints of a server, one function each: a plain object of what is asked for in, a promise of what the server
// answers out. Arguments that cannot be sent reject with a TypeError, everything else that goes wrong with a RequestError.
import { DEFAULT_LIMIT, ERRORS, type ErrorCode, IDEMPOTENCY_KEY_HEADER } from '@ganomede/events-protocol';
import { Backoff } from './backoff.js';
import type { EventHeader } from './channel-types.js';
import {
  checkAfter,
  checkExpectedLastId,
  checkIdempotencyKey,
  checkLimit,
  checkText,
  wrong,
} from './checks.js';
import type { Cursor } from './cursor.js';
import { mayBeProcessed, RequestError } from './errors.js';
import type { EventPage } from './event-page.js';
import type { GroupSettings, GroupState } from './group-settings.js';
import { type GetRequest, type HttpRequest, labelOf } from './http-exchange.js';
import { LineRequest } from './line-request.js';
import type { Server } from './options.js';
import { textOfEvent, textOfEvents } from './publish-body.js';
import * as replies from './replies.js';
import { type Expected, request } from './request.js';
import { retried } from './retry.js';
import { inOrderOf, listsOf, type Settlement } from './settlement.js';
import type { About, ErrorBody, Event, IndexDefinition, ReadIndexReply } from './wire-types.js';

export { mayYetSucceed } from './errors.js';
export { resolveOptions as serverOf } from './options.js';

/** What every call may say. */
export interface CallOptions {
  /** Ends the call when it aborts; it then fails with the code `Closed`. */
  readonly signal?: AbortSignal | undefined;
}

/** Events for one channel, which are stored all or none. */
export interface Append {
  readonly channel: string;
  /** The server stores what comes from one client, on one channel, under one key once. Undefined: as often as it comes. */
  readonly key: string | undefined;
  /** The server stores it only if this is the newest id of the channel. Undefined: whatever that is. */
  readonly expectedLastId: number | undefined;
  /** How many events. */
  readonly count: number;
  /** Whether it may have several events. */
  readonly isBatch: boolean;
  /** The JSON texts of the events, with commas between them. */
  readonly text: string;
}

/** How an append is told apart, and its condition. */
export interface AppendTerms {
  readonly idempotencyKey?: string | undefined;
  readonly expectedLastId?: number | undefined;
}

/** An append of one event, as it is now. @throws TypeError that says what cannot be sent */
export function appendOf(
  channel: string,
  event: unknown,
  { idempotencyKey: key, expectedLastId }: AppendTerms = {},
): Append {
  checkText('channel', channel);
  if (key !== undefined) checkIdempotencyKey(key);
  checkExpectedLastId(expectedLastId);
  return { channel, key, expectedLastId, count: 1, isBatch: false, text: textOfEvent(event) };
}

/** An append of several events, as they are now. @throws TypeError that says what cannot be sent */
export function batchOf(
  channel: string,
  events: readonly unknown[],
  { idempotencyKey: key, expectedLastId }: AppendTerms = {},
): Append {
  checkText('channel', channel);
  if (!Array.isArray(events)) throw wrong('events', 'an array', events);
  if (key !== undefined) checkIdempotencyKey(key);
  checkExpectedLastId(expectedLastId);
  return { channel, key, expectedLastId, count: events.length, isBatch: true, text: textOfEvents(events) };
}

export interface AppendCallOptions extends CallOptions {
  /** Who publishes. */
  readonly clientId: string;
  /** How long the whole call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** `POST /events`. One attempt: who sends on decides when. */
export async function appendOne(
  server: Server,
  { channel, key, expectedLastId, count, isBatch, text }: Append,
  { clientId, timeoutMs, signal }: AppendCallOptions,
): Promise<EventHeader[]> {
  const events = isBatch ? `"events":[${text}]}` : text.slice(1);
  const body = `${JSON.stringify({ clientId, channel, expectedLastId }).slice(0, -1)},${events}`;
  const headers = { Prefer: 'return=minimal', ...(key !== undefined && { [IDEMPOTENCY_KEY_HEADER]: key }) };
  const message = { method: 'POST' as const, path: server.pathname, body, headers, timeoutMs, signal };
  if (isBatch) return request(server, message, replies.headers(count));
  return [await request(server, message, replies.HEADER)];
}

/** `POST /appends`: headers or an error for each of them, in their order. One attempt: who sends on decides when. */
export async function appendAll(
  server: Server,
  appends: readonly Append[],
  { clientId, timeoutMs, signal }: AppendCallOptions,
): Promise<(EventHeader[] | RequestError)[]> {
  const entries = appends.map(
    ({ channel, key, expectedLastId, text }) =>
      `${JSON.stringify({ channel, key, expectedLastId }).slice(0, -1)},"events":[${text}]}`,
  );
  const body = `{"clientId":${JSON.stringify(clientId)},"appends":[${entries.join(',')}]}`;
  const message = { method: 'POST' as const, path: `${server.prefix}/appends`, body, timeoutMs, signal };
  const results = await request(server, message, replies.appendResults(appends));
  return results.map((result) =>
    'headers' in result ? result.headers : refusalIn(result.error, labelOf(server, message)),
  );
}

/** What an error inside an answer stands for: the same as if it were the answer. */
function refusalIn(error: ErrorBody, label: string): RequestError {
  const { code, message } = error;
  const statusCode = Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].status : 200;
  return new RequestError(`${label}: ${statusCode} ${code}: ${message}`, {
    code,
    restCode: code,
    statusCode,
    body: error,
    maybeProcessed: mayBeProcessed(statusCode),
  });
}

export interface ReadOptions extends CallOptions {
  /** Who reads. */
  readonly clientId: string;
  readonly channel: string;
  /** Reads behind this id, and saves it as the cursor. Default: behind the cursor that the server has saved. */
  readonly after?: number | undefined;
  /** The epoch of the page that `after` is from. Default: the server judges by what was saved with the cursor. */
  readonly epoch?: string | undefined;
  /** Without `after`: where to read if the server has saved no cursor. Default: behind 0. */
  readonly start?: string | undefined;
  /** The most events. Default 100. */
  readonly limit?: number | undefined;
  /** How long the server is asked to wait for an event if there is none, in milliseconds. */
  readonly waitMs: number;
  /** How long the whole call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** `GET /events`: the next events, or the end of the wait. One attempt: who reads on decides when. */
export async function read(server: Server, options: ReadOptions): Promise<EventPage> {
  return once(server, options, replies.eventsAfter(options.after));
}

export interface AcknowledgeOptions extends CallOptions {
  readonly clientId: string;
  readonly channel: string;
  /** Saved as the cursor. */
  readonly after: number | undefined;
  readonly epoch?: string | undefined;
  /** How long the whole call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** `GET /events` for the sake of the cursor that it saves; what it brings is not looked at. One attempt. */
export async function acknowledge(server: Server, options: AcknowledgeOptions): Promise<void> {
  await once(server, { ...options, limit: 1, waitMs: 0 }, replies.ANYTHING);
}

export interface AcknowledgeAllOptions extends CallOptions {
  readonly clientId: string;
  /** Saved as they are; each has an `after`. */
  readonly cursors: readonly Cursor[];
  /** How long the whole call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** `POST /cursors`: for each of them whether others move it too, or why it is not saved, in their order. One attempt. */
export async function acknowledgeAll(
  server: Server,
  { clientId, cursors, timeoutMs, signal }: AcknowledgeAllOptions,
): Promise<(RequestError | { readonly isShared: boolean })[]> {
  const body = JSON.stringify({
    clientId,
    cursors: cursors.map(({ channel, after, epoch }) => ({ channel, after, epoch })),
  });
  const message = { method: 'POST' as const, path: `${server.prefix}/cursors`, body, timeoutMs, signal };
  const results = await request(server, message, replies.cursorResults(cursors.length));
  const label = labelOf(server, message);
  return results.map((result) =>
    'error' in result ? refusalIn(result.error, label) : { isShared: result.shared === true },
  );
}

export interface StreamListener {
  /** A line of it has come. */
  line(line: replies.StreamLine): void;
  /** Nothing more comes; `error` is undefined if the server has ended it as it should. */
  ended(error: RequestError | undefined): void;
}

/** `POST /streams`: events of many channels, until it is closed. */
export function streamPages(
  server: Server,
  { clientId, cursors }: { readonly clientId: string; readonly cursors: readonly Cursor[] },
  listener: StreamListener,
): LineRequest {
  const body = JSON.stringify({
    clientId,
    cursors: cursors.map(({ channel, after, limit, epoch, start }) =>
      after === undefined ? { channel, limit, start } : { channel, after, limit, epoch },
    ),
  });
  const lines: LineRequest = new LineRequest(server, `${server.prefix}/streams`, body, {
    line: (json) => {
      const line = replies.streamLine(json);
      if (line === undefined) lines.fail('expected a line of a stream', json);
      else listener.line(line);
    },
    ended: (error) => listener.ended(error),
  });
  return lines;
}

/** What an error inside a line of a stream stands for. */
export function refusalInStream(server: Server, error: ErrorBody): RequestError {
  return refusalIn(error, labelOf(server, { method: 'POST', path: `${server.prefix}/streams` }));
}

async function once<Content>(server: Server, options: ReadOptions, expected: Expected<Content>) {
  const { clientId, channel, after, limit, waitMs, timeoutMs, signal } = options;
  const epoch = after === undefined ? undefined : options.epoch;
  const start = after === undefined ? options.start : undefined;
  const query = queryOf({
    clientId,
    channel,
    after: checkAfter(after),
    epoch,
    start,
    limit,
    timeout: waitMs,
  });
  return request(server, { method: 'GET', path: server.pathname, query, timeoutMs, signal }, expected);
}

export interface LatestOptions extends CallOptions {
  readonly channel: string;
  /** The most events. Default 100. */
  readonly limit?: number | undefined;
  /** Only events with a lower id. */
  readonly before?: number | undefined;
}

/** `GET /latest`: the newest events of a channel, ascending by id. */
export async function latest(server: Server, options: LatestOptions): Promise<Event[]> {
  const { channel, limit, before, signal } = options;
  checkText('channel', channel);
  const query = queryOf({ channel, limit: checkLimit(limit, DEFAULT_LIMIT), before });
  return get(server, '/latest', replies.EVENTS, { query, signal });
}

export interface FindCursorOptions extends CallOptions {
  readonly channel: string;
  readonly time: Date;
}

/** `GET /cursors`: behind `after` comes the first event whose timestamp is this time or later. Saves nothing. */
export async function findCursor(
  server: Server,
  { channel, time, signal }: FindCursorOptions,
): Promise<replies.FoundCursor> {
  checkText('channel', channel);
  const query = queryOf({ channel, time: time.toISOString() });
  return get(server, '/cursors', replies.FOUND_CURSOR, { query, signal });
}

export interface CreateIndexOptions extends IndexDefinition, CallOptions {}

/** `POST /indices`: defines an index. Repeating an identical definition is fine, another one fails with `Conflict`. */
export async function createIndex(server: Server, options: CreateIndexOptions): Promise<'OK'> {
  const { id, channel, field, signal } = options;
  for (const [name, value] of Object.entries({ id, channel, field })) checkText(name, value);
  const body = JSON.stringify({ id, channel, field });
  const path = `${server.prefix}/indices`;
  return untilDone(server, { method: 'POST', path, body, signal }, replies.OK);
}

/** `GET /indices`: every definition, sorted by id. */
export async function listIndices(server: Server, { signal }: CallOptions = {}): Promise<IndexDefinition[]> {
  return get(server, '/indices', replies.INDEX_DEFINITIONS, { signal });
}

export interface ReadIndexOptions extends CallOptions {
  /** Of the index. */
  readonly id: string;
  /** What the field of an event has to hold. */
  readonly value: string | number | boolean;
  /** The most events. Default: as many as the server answers at once. */
  readonly limit?: number | undefined;
  /** Only events with a lower id; the `next` of the page before. */
  readonly before?: number | undefined;
}

/** `GET /indices/:id/:value`: one page of the events with a value, newest first. An unknown index: `ResourceNotFound`. */
export async function readIndex(server: Server, options: ReadIndexOptions): Promise<ReadIndexReply> {
  const { id, value, limit, before, signal } = options;
  checkText('indexId', id);
  checkText('value', String(value));
  const path = `/indices/${encodeURIComponent(id)}/${encodeURIComponent(value)}`;
  return get(server, path, replies.INDEX_EVENTS, { query: queryOf({ limit, before }), signal });
}

/** A group of workers, on a channel name. */
export interface GroupOptions extends CallOptions {
  readonly channel: string;
  readonly group: string;
}

export interface SaveGroupOptions extends GroupOptions {
  /** Where it begins if there is none yet, as it goes over the wire. */
  readonly start?: string | undefined;
  readonly settings: GroupSettings;
  /** How long the whole call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** `PUT /groups`: creates the group, or changes its settings. One attempt. */
export async function saveGroup(server: Server, options: SaveGroupOptions): Promise<void> {
  const { channel, group, start, settings, timeoutMs, signal } = options;
  const body = JSON.stringify({ channel, group, start, ...settings });
  const message = { method: 'PUT' as const, path: `${server.prefix}/groups`, body, timeoutMs, signal };
  await request(server, message, replies.ANYTHING);
}

export interface ReceiveOptions extends GroupOptions {
  /** Who works. */
  readonly clientId: string;
  /** The most events. */
  readonly limit: number;
  /** Where the group begins if there is none yet, as it goes over the wire. */
  readonly start?: string | undefined;
  /** Done before events are handed out. */
  readonly settlements: readonly Settlement[];
  /** How long the server is asked to wait for an event if there is none, in milliseconds. */
  readonly waitMs: number;
  /** How long the whole call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** What became of a settlement; `stale`: the event is no longer the worker's, and nothing was changed. */
export type Settled = replies.SettledStatus | RequestError;

/** `POST /groups/receive`: events for a worker, and what became of each settlement, in their order. One attempt. */
export async function receive(
  server: Server,
  options: ReceiveOptions,
): Promise<{ events: replies.DeliveredEvent[]; settled: Settled[] }> {
  const { channel, group, clientId, limit, start, settlements, waitMs, timeoutMs, signal } = options;
  const settle = settlements.length === 0 ? undefined : listsOf(settlements);
  const body = JSON.stringify({ channel, group, clientId, limit, start, timeout: waitMs, settle });
  const message = {
    method: 'POST' as const,
    path: `${server.prefix}/groups/receive`,
    body,
    timeoutMs,
    signal,
  };
  const { events, settled } = await request(server, message, replies.deliveries(settle));
  return { events, settled: settledOf(server, message, settlements, settled) };
}

export interface SettleOptions extends GroupOptions {
  readonly settlements: readonly Settlement[];
  /** How long the whole call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** `POST /groups/settle`: what became of each, in their order. One attempt. */
export async function settle(
  server: Server,
  { channel, group, settlements, timeoutMs, signal }: SettleOptions,
): Promise<Settled[]> {
  const lists = listsOf(settlements);
  const body = JSON.stringify({ channel, group, ...lists });
  const message = {
    method: 'POST' as const,
    path: `${server.prefix}/groups/settle`,
    body,
    timeoutMs,
    signal,
  };
  const settled = await request(server, message, replies.settledLists(lists));
  return settledOf(server, message, settlements, settled);
}

function settledOf(
  server: Server,
  message: HttpRequest,
  settlements: readonly Settlement[],
  lists: replies.SettledLists,
): Settled[] {
  return inOrderOf(settlements, lists).map((result) =>
    'error' in result ? refusalIn(result.error, labelOf(server, message)) : result.status,
  );
}

export interface GroupsOptions extends CallOptions {
  readonly channel: string;
}

/** `GET /groups`: the groups of a channel and of its types, each with its settings and its state. */
export async function groups(server: Server, { channel, signal }: GroupsOptions): Promise<GroupState[]> {
  checkText('channel', channel);
  return get(server, '/groups', replies.GROUP_STATES, { query: queryOf({ channel }), signal });
}

export interface RedriveOptions extends GroupOptions {
  /** Of the events; undefined: the oldest dead letters. */
  readonly ids?: readonly number[] | undefined;
  /** The most events. Default 100. */
  readonly limit?: number | undefined;
}

/** `POST /groups/redrive`: the ids of what is handed out again. One attempt: another one would tell what is left. */
export async function redrive(server: Server, options: RedriveOptions): Promise<number[]> {
  const { channel, group, ids, limit, signal } = options;
  for (const [name, value] of Object.entries({ channel, group })) checkText(name, value);
  const body = JSON.stringify({ channel, group, ids, limit });
  const path = `${server.prefix}/groups/redrive`;
  const message = { method: 'POST' as const, path, body, timeoutMs: server.sendTimeoutMs, signal };
  return request(server, message, replies.REDRIVEN);
}

/** `DELETE /groups`: everything of a group but its events. If there is none: `ResourceNotFound`. One attempt. */
export async function deleteGroup(server: Server, options: GroupOptions): Promise<'OK'> {
  const { channel, group, signal } = options;
  for (const [name, value] of Object.entries({ channel, group })) checkText(name, value);
  const message = { method: 'DELETE' as const, path: `${server.prefix}/groups`, signal };
  const query = queryOf({ channel, group });
  return request(server, { ...message, query, timeoutMs: server.sendTimeoutMs }, replies.OK);
}

export interface ListChannelsOptions extends CallOptions {
  /** What the names are to begin with. Default: anything. */
  readonly prefix?: string | undefined;
  /** The last name of the page before. */
  readonly after?: string | undefined;
  /** The most channels. Default 100. */
  readonly limit?: number | undefined;
}

/** `GET /channels`: channels, and where each begins and ends, sorted by name. */
export async function listChannels(
  server: Server,
  { prefix, after, limit, signal }: ListChannelsOptions = {},
): Promise<replies.ListedChannel[]> {
  return get(server, '/channels', replies.CHANNELS, { query: queryOf({ prefix, after, limit }), signal });
}

export interface ListConsumersOptions extends CallOptions {
  readonly channel: string;
  /** The last clientId of the page before. */
  readonly after?: string | undefined;
  /** The most clientIds. Default 100. */
  readonly limit?: number | undefined;
}

/** `GET /consumers`: the consumers of a channel and its types, and how far behind each is, sorted by clientId. */
export async function listConsumers(
  server: Server,
  { channel, after, limit, signal }: ListConsumersOptions,
): Promise<replies.ListedConsumer[]> {
  checkText('channel', channel);
  return get(server, '/consumers', replies.CONSUMERS, { query: queryOf({ channel, after, limit }), signal });
}

export interface DeleteConsumerOptions extends CallOptions {
  readonly channel: string;
  readonly clientId: string;
}

/** `DELETE /consumers`: forgets the cursor of a consumer. If there is none: `ResourceNotFound`. One attempt. */
export async function deleteConsumer(server: Server, options: DeleteConsumerOptions): Promise<'OK'> {
  const { channel, clientId, signal } = options;
  for (const [name, value] of Object.entries({ channel, clientId })) checkText(name, value);
  const message = { method: 'DELETE' as const, path: `${server.prefix}/consumers`, signal };
  const query = queryOf({ channel, clientId });
  return request(server, { ...message, query, timeoutMs: server.sendTimeoutMs }, replies.OK);
}

export interface DeleteChannelOptions extends CallOptions {
  readonly channel: string;
}

/** `DELETE /channels`: everything of a channel. If there never was one: `ResourceNotFound`. */
export async function deleteChannel(
  server: Server,
  { channel, signal }: DeleteChannelOptions,
): Promise<'OK'> {
  checkText('channel', channel);
  const path = `${server.prefix}/channels`;
  return untilDone(server, { method: 'DELETE', path, query: queryOf({ channel }), signal }, replies.OK);
}

export interface TrimChannelOptions extends CallOptions {
  readonly channel: string;
  /** The oldest id to keep, or the oldest time. */
  readonly before: number | Date;
}

/** `POST /channels/trim`: drops the oldest events of a channel; resolves with what it keeps. */
export async function trimChannel(
  server: Server,
  { channel, before, signal }: TrimChannelOptions,
): Promise<{ firstId: number; lastId: number }> {
  checkText('channel', channel);
  const body = JSON.stringify({ channel, before });
  const path = `${server.prefix}/channels/trim`;
  return untilDone(server, { method: 'POST', path, body, signal }, replies.KEPT);
}

export interface RedactOptions extends CallOptions {
  readonly channel: string;
  /** Of the events; at most 1,000. */
  readonly ids: readonly number[];
}

/** `POST /redactions`: of each event whether it is redacted now, or why not, in their order. */
export async function redact(
  server: Server,
  { channel, ids, signal }: RedactOptions,
): Promise<({ id: number; redacted: true } | { id: number; error: ErrorBody })[]> {
  checkText('channel', channel);
  const body = JSON.stringify({ channel, ids });
  const path = `${server.prefix}/redactions`;
  return untilDone(server, { method: 'POST', path, body, signal }, replies.redactions(ids.length));
}

/** `GET /ping/:token`: `pong/` and the token. */
export async function ping(server: Server, { token, signal }: { token: string } & CallOptions) {
  return get(server, `/ping/${encodeURIComponent(token)}`, replies.pong(token), { signal });
}

/** `GET /about`: what the server is. */
export async function about(server: Server, { signal }: CallOptions = {}): Promise<About> {
  return get(server, '/about', replies.ABOUT, { signal });
}

function get<Content>(
  server: Server,
  path: string,
  expected: Expected<Content>,
  { query, signal }: Pick<GetRequest, 'query' | 'signal'>,
): Promise<Content> {
  const message = {
    method: 'GET' as const,
    path: `${server.prefix}${path}`,
    ...(query && { query }),
    signal,
  };
  return untilDone(server, message, expected);
}

/** Tries again for as long as another attempt may succeed, at most `sendTimeoutMs`. */
function untilDone<Content>(
  server: Server,
  message: WithoutTimeout<HttpRequest>,
  expected: Expected<Content>,
): Promise<Content> {
  return retried((timeoutMs) => request(server, { ...message, timeoutMs }, expected), {
    timeoutMs: server.sendTimeoutMs,
    backoff: new Backoff(server.backoff),
    outage: server.outage,
    signal: message.signal,
  });
}

type WithoutTimeout<Message> = Message extends unknown ? Omit<Message, 'timeoutMs'> : never;

/** What is undefined is not there. */
function queryOf(parameters: Record<string, string | number | undefined>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query;
}
