import type { Event, EventHeader, EventInput, IndexDefinition } from '@ganomede/events-protocol';
import type { GroupState } from '@ganomede/events-protocol/schemas';
import { ApiError, type RequestOptions, request, requestOperations } from './request.js';

export type { Event, GroupState, IndexDefinition };

/** A channel, and where it begins and ends; what cannot be read now is absent. */
export interface ChannelState {
  readonly channel: string;
  readonly firstId?: number;
  readonly lastId?: number;
  readonly lastTimestamp?: number;
}

/** A consumer with a saved cursor, or a group. */
export interface ConsumerState {
  readonly clientId?: string;
  readonly group?: string;
  readonly channel: string;
  readonly after: number;
  readonly lag: number;
  readonly behindMs?: number;
  readonly savedAt?: number;
  readonly pending?: number;
  readonly redelivered?: number;
  readonly deadLetters?: number;
  readonly oldestPendingMs?: number;
}

/** Events, the newest first, and the bounds of their channel. */
export interface NewestFirst {
  readonly events: Event[];
  readonly firstId: number;
  readonly lastId: number;
  readonly epoch: string | undefined;
}

export interface About {
  readonly version: string;
  readonly hostname: string;
  readonly startDate: string;
}

type Signal = AbortSignal | undefined;

async function json<T>(method: string, path: string, options?: RequestOptions): Promise<T> {
  return (await request(method, path, options)).json() as Promise<T>;
}

export const about = (signal?: Signal) => json<About>('GET', 'about', { signal });

/** Resolves if a secret or a token is accepted, whatever it may do. @throws ApiError if it is not */
export async function trySecret(secret: string): Promise<void> {
  try {
    await request('GET', 'channels', { query: { limit: 1 }, secret });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 403)) throw error;
  }
}

/** Whether the server takes publishes; undefined if that cannot be asked here. */
export async function isReady(signal?: Signal): Promise<boolean | undefined> {
  const { status } = await requestOperations('health/ready', signal);
  return status === 404 ? undefined : status === 200;
}

/** The figures of `/metrics` without labels, by name; undefined if they are on a port of their own. */
export async function metrics(signal?: Signal): Promise<Map<string, number> | undefined> {
  const response = await requestOperations('metrics', signal);
  if (!response.ok) return undefined;
  const lines = (await response.text()).matchAll(/^(events_\w+) (\S+)/gm);
  return new Map([...lines].map(([, name = '', value]) => [name, Number(value)]));
}

export const listChannels = (query: { prefix?: string; after?: string; limit: number }, signal?: Signal) =>
  json<ChannelState[]>('GET', 'channels', { query, signal });

/** One channel; undefined if there is none of this name. */
export async function findChannel(channel: string, signal?: Signal): Promise<ChannelState | undefined> {
  // A name comes before those that it is the beginning of.
  const [found] = await listChannels({ prefix: channel, limit: 1 }, signal);
  return found?.channel === channel ? found : undefined;
}

export const listConsumers = (channel: string, signal?: Signal) =>
  json<ConsumerState[]>('GET', 'consumers', { query: { channel, limit: 1_000 }, signal });

export const listGroups = (channel: string, signal?: Signal) =>
  json<GroupState[]>('GET', 'groups', { query: { channel }, signal });

export const listIndices = (signal?: Signal) => json<IndexDefinition[]>('GET', 'indices', { signal });

/** The newest events of a channel name, or of those before an id. */
export async function latest(
  query: { channel: string; limit: number; before?: number | undefined },
  signal?: Signal,
): Promise<NewestFirst> {
  const response = await request('GET', 'latest', { query, signal });
  const { headers } = response;
  return {
    events: ((await response.json()) as Event[]).reverse(),
    firstId: Number(headers.get('Events-First-Id')),
    lastId: Number(headers.get('Events-Last-Id')),
    epoch: headers.get('Events-Epoch') ?? undefined,
  };
}

export const readIndex = (
  { id, value, ...query }: { id: string; value: string; limit: number; before?: number | undefined },
  signal?: Signal,
) =>
  json<{ rows: Event[]; next?: number }>(
    'GET',
    `indices/${encodeURIComponent(id)}/${encodeURIComponent(value)}`,
    { query, signal },
  );

/** The cursor in front of the first event at or after a time. */
export const findCursor = (channel: string, timeMs: number) =>
  json<{ after: number; firstId: number; lastId: number }>('GET', 'cursors', {
    query: { channel, time: timeMs },
  });

export const publish = (clientId: string, channel: string, event: EventInput) =>
  json<EventHeader>('POST', 'events', { body: { clientId, channel, ...event } });

/** Saves a consumer's cursor, also where that is a step back. */
export async function moveCursor(clientId: string, channel: string, after: number): Promise<void> {
  const body = { clientId, cursors: [{ channel, after }] };
  const { results } = await json<{ results: { error?: { code: string; message: string } }[] }>(
    'POST',
    'cursors',
    {
      body,
    },
  );
  const error = results[0]?.error;
  if (error !== undefined) throw new ApiError(400, error);
}

/** Hands dead letters out again; those with these ids, or the oldest ones. Resolves with the ids of their events. */
export const redrive = async (
  channel: string,
  group: string,
  which: { ids: number[] } | { limit: number },
): Promise<number[]> =>
  (await json<{ ids: number[] }>('POST', 'groups/redrive', { body: { channel, group, ...which } })).ids;

/** Rejects if one of the events is not there any more. */
export async function redact(channel: string, ids: number[]): Promise<void> {
  const { results } = await json<{ results: { error?: { code: string; message: string } }[] }>(
    'POST',
    'redactions',
    { body: { channel, ids } },
  );
  const error = results.find((result) => result.error)?.error;
  if (error !== undefined) throw new ApiError(404, error);
}

export const trim = (channel: string, before: number) =>
  json<{ firstId: number; lastId: number }>('POST', 'channels/trim', { body: { channel, before } });

export const deleteChannel = (channel: string) => request('DELETE', 'channels', { query: { channel } });

export const deleteConsumer = (channel: string, clientId: string) =>
  request('DELETE', 'consumers', { query: { channel, clientId } });

export const deleteGroup = (channel: string, group: string) =>
  request('DELETE', 'groups', { query: { channel, group } });
