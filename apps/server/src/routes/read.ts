import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DEFAULT_LIMIT, EventsError, ReadQuery, ReadReply } from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import { parsePlaces, type StreamPlaces, sendEventStream } from '../answers/event-stream.js';
import { PollAnswer } from '../answers/waiting-poll.js';
import type { Metrics } from '../metrics/metrics.js';
import type { RunningPoll } from '../plugins/waiting-requests.js';

export interface ReadOptions {
  readonly store: EventStore;
  readonly metrics: Metrics;
  readonly pollTimeoutMs: number;
  readonly maxLimit: number;
}

const schema = {
  operationId: 'read',
  summary: 'Read events, or wait for the next one',
  description:
    'With `after` the server saves it as the cursor of (clientId, channel); without it reads after the saved one. ' +
    'Where there is nothing new it waits up to `timeout` milliseconds, then answers an empty list. ' +
    'With `Accept: text/event-stream` it answers with server-sent events, for as long as the client listens, and ' +
    'resumes from `Last-Event-ID`.',
  tags: ['events'],
  querystring: ReadQuery,
  response: { 200: ReadReply, ...errorsOf(400, 401, 429, 503) },
};

/** `GET /events`: a poll, or with `Accept: text/event-stream` a stream. */
export const read: FastifyPluginAsyncTypebox<ReadOptions> = async (
  fastify,
  { store, metrics, pollTimeoutMs, maxLimit },
) => {
  fastify.get(
    '/events',
    { preValidation: fastify.authenticate, exposeHeadRoute: false, schema },
    (request, reply) => {
      const { clientId, channel, after, limit = DEFAULT_LIMIT, timeout = pollTimeoutMs } = request.query;
      if (request.headers.accept?.includes('text/event-stream')) {
        const channels = [...new Set([channel].flat())];
        const lastEventId = request.headers['last-event-id'];
        return stream(reply, { clientId, channels, after, lastEventId }, fastify.beginPoll(reply));
      }
      if (typeof channel !== 'string') {
        throw new EventsError(
          'InvalidContent',
          `Invalid Channel: expected one channel (several only with Accept: text/event-stream), got ${channel.length}`,
        );
      }
      const running = fastify.beginPoll(reply);
      const answer = new PollAnswer(reply, running, metrics);
      const options = { timeoutMs: Math.min(timeout, pollTimeoutMs), signal: running };
      const pollAfter = (after: number) =>
        answer.waitFor(store.poll({ channel, after, limit: Math.min(limit, maxLimit) }, options));
      const fail = (error: unknown) => answer.fail(error);
      if (after === undefined) {
        answer.saved();
        store.loadCursor(clientId, channel).then(pollAfter, fail);
      } else {
        pollAfter(after);
        // Saved while the poll reads and waits: the answer needs both.
        store.saveCursor(clientId, channel, after).then(() => answer.saved(), fail);
      }
    },
  );

  async function stream(reply: FastifyReply, start: StreamStart, running: RunningPoll): Promise<void> {
    try {
      const places = await startingPlaces(store, start);
      reply.hijack();
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value);
      }
      reply.raw.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      });
      try {
        const onSent = (count: number) => metrics.delivered.inc(count);
        await sendEventStream(reply.raw, store, places, { pollTimeoutMs, signal: running, onSent });
        reply.raw.end();
      } catch (error) {
        reply.log.warn({ err: error }, 'an event stream ended early');
        reply.raw.destroy();
      }
    } finally {
      running.end();
    }
  }
};

/** What a request for a stream tells of its place. */
interface StreamStart {
  readonly clientId: string;
  readonly channels: readonly string[];
  readonly after: number | undefined;
  readonly lastEventId: string | string[] | undefined;
}

/** Where a stream begins: after what the client has seen, which is saved as its cursor, or else at its saved cursor. */
async function startingPlaces(
  store: EventStore,
  { clientId, channels, after, lastEventId }: StreamStart,
): Promise<StreamPlaces> {
  if (after !== undefined && channels.length > 1) {
    throw new EventsError('InvalidContent', 'Invalid after: expected none with several channels, got one');
  }
  // A client that resumes repeats its first URL: what it has seen since goes before its `after`.
  const seen =
    typeof lastEventId === 'string' && lastEventId !== '' ? parsePlaces(lastEventId, channels) : new Map();
  if (seen === undefined) {
    throw new EventsError(
      'InvalidContent',
      'Invalid Last-Event-ID: expected the id of a message of this stream',
    );
  }
  const places: StreamPlaces = new Map();
  for (const channel of channels) {
    const acknowledged = seen.get(channel) ?? after;
    places.set(channel, acknowledged ?? (await store.loadCursor(clientId, channel)));
    if (acknowledged !== undefined) await store.saveCursor(clientId, channel, acknowledged);
  }
  return places;
}
