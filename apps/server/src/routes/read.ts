import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CURSOR_SHARED_HEADER, DEFAULT_LIMIT, EventsError } from '@ganomede/events-protocol';
import { ReadQuery, ReadReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { asksForCloudEvents, CloudEventPages } from '../answers/cloud-event-pages.js';
import type { DirectAnswers } from '../answers/direct-answers.js';
import { checkEpoch } from '../answers/epoch-check.js';
import { errorsOf } from '../answers/error-schemas.js';
import type { SharedCursors } from '../answers/shared-cursors.js';
import { startOf } from '../answers/start-check.js';
import type { Untaken } from '../answers/untaken.js';
import { type PollContext, WaitingPoll } from '../answers/waiting-poll.js';
import { READ_CONTENTS, withContents } from '../formats/described-contents.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Access } from '../plugins/access.js';
import { asksForStream, type StreamContext, stream } from './stream.js';

export interface ReadOptions {
  readonly store: PollContext['store'] & StreamContext['store'] & Pick<EventStore, 'channelOf'>;
  readonly metrics: Pick<Metrics, 'delivered'>;
  readonly answers: DirectAnswers;
  /** The longest wait of a poll. */
  readonly pollTimeoutMs: number;
  /** That of one that does not say how long. */
  readonly defaultWaitMs: number;
  readonly maxLimit: number;
  readonly untaken: Untaken;
  readonly sharedCursors: SharedCursors;
}

const schema = {
  operationId: 'read',
  summary: 'Read events, or wait for the next one',
  description:
    'With `after` the server saves it as the cursor of (clientId, channel); without it reads after the saved one; if there is none, from where `start` says, ' +
    'which is saved. ' +
    '`epoch` is the `Events-Epoch` that came with that event; if the store came back older and no longer has it, the ' +
    'answer goes on behind what it still has, and says so in `Events-Rewound`. ' +
    'If there is nothing new it waits up to `timeout` milliseconds, then answers an empty list. ' +
    'With `Accept: text/event-stream` it answers with server-sent events, for as long as the client listens, and ' +
    'resumes from `Last-Event-ID`. With `Accept: application/cloudevents-batch+json` the events are CloudEvents 1.0.',
  tags: ['events'],
  querystring: ReadQuery,
  response: { 200: ReadReply, ...errorsOf(400, 401, 429, 503) },
};

const access: Access = {
  action: 'read',
  channelOf: ({ query }: FastifyRequest<{ Querystring: ReadQuery }>) => query.channel,
};

/** `GET /events`: a poll, or with `Accept: text/event-stream` a stream. */
export const read: FastifyPluginAsyncTypebox<ReadOptions> = async (fastify, options) => {
  const context = { ...options, waitingRequests: fastify.waitingRequests };
  const contextOfCloudEvents = { ...context, answers: new CloudEventPages(options.store) };
  const config = { access, swaggerTransform: withContents(READ_CONTENTS) };
  fastify.get('/events', { config, exposeHeadRoute: false, schema }, (request, reply) => {
    checkEpoch(request.query);
    if (asksForStream(request)) return stream(request, reply, context);
    poll(request.query, reply, asksForCloudEvents(request) ? contextOfCloudEvents : context);
  });
};

function poll(
  query: ReadQuery,
  reply: FastifyReply,
  context: PollContext & Pick<ReadOptions, 'pollTimeoutMs' | 'defaultWaitMs' | 'maxLimit' | 'sharedCursors'>,
): void {
  const { pollTimeoutMs, defaultWaitMs, maxLimit } = context;
  const { clientId, channel, after, epoch, limit = DEFAULT_LIMIT, timeout = defaultWaitMs } = query;
  if (typeof channel !== 'string') {
    throw new EventsError(
      'InvalidContent',
      `Invalid Channel: expected one channel (several only with Accept: text/event-stream), got ${channel.length}`,
    );
  }
  if (context.sharedCursors.seen(reply.request, clientId, channel)) {
    reply.header(CURSOR_SHARED_HEADER, 'true');
  }
  new WaitingPoll(reply, context, Math.min(timeout, pollTimeoutMs)).answer({
    clientId,
    channel,
    after,
    epoch,
    start: startOf(query),
    limit: Math.min(limit, maxLimit),
  });
}
