// The endpoints of a server, one function each: a plain object of what is asked for in, a promise of what the server
// answers out. Arguments that cannot be sent reject with a TypeError, everything else that goes wrong with a RequestError.
import { randomUUID } from 'node:crypto';
import {
  type About,
  DEFAULT_LIMIT,
  type Event,
  type EventHeader,
  type EventInput,
  IDEMPOTENCY_KEY_HEADER,
  type IndexDefinition,
  type ReadIndexReply,
} from '@ganomede/events-protocol';
import { Backoff } from './backoff.js';
import { checkAfter, checkIdempotencyKey, checkLimit, checkText, wrong } from './checks.js';
import type { EventPage } from './event-page.js';
import type { GetRequest, HttpRequest } from './http-exchange.js';
import type { Server } from './options.js';
import { bodyOfBatch, bodyOfEvent } from './publish-body.js';
import * as replies from './replies.js';
import { type Expected, request } from './request.js';
import { retried } from './retry.js';

/** What every call may say. */
export interface CallOptions {
  /** Ends the call when it aborts; it then fails with the code `Closed`. */
  readonly signal?: AbortSignal | undefined;
}

interface Publication extends CallOptions {
  /** Who publishes. */
  readonly clientId: string;
  readonly channel: string;
  /** The server stores what comes under one key once. Default: a random one, for the attempts of this call. */
  readonly idempotencyKey?: string | undefined;
}

export interface PublishOptions extends Publication {
  readonly event: EventInput;
}

export interface PublishBatchOptions extends Publication {
  readonly events: readonly EventInput[];
}

/** `POST /events` with one event, as it is now. Tried again, for at most `sendTimeoutMs`, under one idempotency key. */
export async function publish(server: Server, options: PublishOptions): Promise<EventHeader> {
  const { clientId, channel, event } = options;
  checkText('channel', channel);
  return post(server, bodyOfEvent(clientId, channel, event), replies.HEADER, options);
}

/** `POST /events` with several events: all of them or none. Tried again as `publish` is; no events are no request. */
export async function publishBatch(server: Server, options: PublishBatchOptions): Promise<EventHeader[]> {
  const { clientId, channel, events } = options;
  checkText('channel', channel);
  if (!Array.isArray(events)) throw wrong('events', 'an array', events);
  if (events.length === 0) return [];
  return post(server, bodyOfBatch(clientId, channel, events), replies.headers(events.length), options);
}

async function post<Content>(
  server: Server,
  body: string,
  expected: Expected<Content>,
  { idempotencyKey = randomUUID(), signal }: Publication,
): Promise<Content> {
  checkIdempotencyKey(idempotencyKey);
  const headers = { [IDEMPOTENCY_KEY_HEADER]: idempotencyKey };
  return untilDone(server, { method: 'POST', path: server.pathname, body, headers, signal }, expected);
}

export interface ReadOptions extends CallOptions {
  /** Who reads. */
  readonly clientId: string;
  readonly channel: string;
  /** Reads behind this id, and saves it as the cursor. Default: behind the cursor that the server has saved. */
  readonly after?: number | undefined;
  /** The epoch of the page that `after` is from. Default: the server judges by what was saved with the cursor. */
  readonly epoch?: string | undefined;
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

async function once<Content>(server: Server, options: ReadOptions, expected: Expected<Content>) {
  const { clientId, channel, after, limit, waitMs, timeoutMs, signal } = options;
  const epoch = after === undefined ? undefined : options.epoch;
  const query = queryOf({ clientId, channel, after: checkAfter(after), epoch, limit, timeout: waitMs });
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
