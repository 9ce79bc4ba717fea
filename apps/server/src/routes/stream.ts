import type { IncomingHttpHeaders } from 'node:http';
import { EventsError } from '@ganomede/events-protocol';
import type { ReadQuery } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import {
  EventStream,
  type EventStreamContext,
  parseLastEventId,
  type SeenCursor,
  type StreamCursors,
} from '../answers/event-stream.js';
import { startOf } from '../answers/start-check.js';
import type { WaitingRequests } from '../answers/waiting-requests.js';

/** What all streams of a server share. */
export interface StreamContext extends EventStreamContext {
  readonly store: Pick<EventStore, 'poll' | 'loadCursor' | 'saveCursor'>;
  readonly waitingRequests: WaitingRequests;
}

/** What a request for a stream tells. */
export interface StreamRequest {
  readonly query: ReadQuery;
  readonly headers: IncomingHttpHeaders;
}

/** Whether a `GET /events` asks for an event stream. */
export function asksForStream({ headers }: Pick<StreamRequest, 'headers'>): boolean {
  return headers.accept?.includes('text/event-stream') === true;
}

/** `GET /events` with `Accept: text/event-stream`. */
export async function stream(
  request: StreamRequest,
  reply: FastifyReply,
  context: StreamContext,
): Promise<void> {
  const events = new EventStream(request.query.clientId, reply, context);
  const waiting = context.waitingRequests.enter(events, reply);
  try {
    await events.send(await startingCursors(request, context.store));
  } finally {
    waiting.leave();
  }
}

/** Where a stream begins: after what the client has seen, which is saved as its cursor, or else at its saved cursor. */
async function startingCursors(
  { query, headers }: StreamRequest,
  store: Pick<EventStore, 'loadCursor' | 'saveCursor'>,
): Promise<StreamCursors> {
  const { clientId, channel, after, epoch } = query;
  const start = startOf(query);
  const channels = [...new Set([channel].flat())];
  if (after !== undefined && channels.length > 1) {
    throw new EventsError('InvalidContent', 'Invalid after: expected none with several channels, got one');
  }
  // A client that resumes repeats its first URL: what it has seen since goes before its `after`.
  const lastEventId = headers['last-event-id'];
  const seen =
    typeof lastEventId === 'string' && lastEventId !== ''
      ? parseLastEventId(lastEventId, channels)
      : new Map<string, SeenCursor>();
  if (seen === undefined) {
    throw new EventsError(
      'InvalidContent',
      'Invalid Last-Event-ID: expected the id of a message of this stream',
    );
  }
  const cursors: StreamCursors = new Map();
  for (const channel of channels) {
    const acknowledged = seen.get(channel) ?? (after === undefined ? undefined : { after, epoch });
    const cursor =
      acknowledged === undefined
        ? await store.loadCursor(clientId, channel, start)
        : await store.saveCursor(clientId, channel, acknowledged.after, acknowledged.epoch);
    cursors.set(channel, { after: cursor.after, epoch: cursor.epoch, savedEpoch: cursor.epoch });
  }
  return cursors;
}
