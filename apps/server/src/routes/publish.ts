import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import {
  BatchPublishBody,
  BatchPublishReply,
  IdempotencyKey,
  PublishBody,
  PublishReply,
} from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';
import { errorsOf } from '../api-errors.js';
import type { Metrics } from '../metrics.js';
import { sendJson } from '../send-json.js';

export interface PublishOptions {
  readonly store: EventStore;
  readonly metrics: Metrics;
}

const PublishHeaders = Type.Object({ 'idempotency-key': Type.Optional(IdempotencyKey) });

const schema = {
  operationId: 'publish',
  summary: 'Publish an event, or several',
  description:
    'Answers once the event is stored. With `events` all of them are stored, with consecutive ids, or none. ' +
    'Repeated with the same `Idempotency-Key` it answers as the first time and stores nothing.',
  tags: ['events'],
  headers: PublishHeaders,
  body: Type.Union([BatchPublishBody, PublishBody]),
  response: {
    200: Type.Union([PublishReply, BatchPublishReply]),
    ...errorsOf(400, 401, 413, 415, 422, 429, 503),
  },
};

/** `POST /events` */
export const publish: FastifyPluginAsyncTypebox<PublishOptions> = async (fastify, { store, metrics }) => {
  fastify.post('/events', { preValidation: fastify.authenticate, schema }, async (request, reply) => {
    const { body } = request;
    const events = 'events' in body ? body.events : [body];
    const key = request.headers['idempotency-key'];
    const headers = await store.append(
      body.channel,
      events,
      key === undefined ? {} : { idempotency: { clientId: body.clientId, key } },
    );
    metrics.published.inc(headers.length);
    return sendJson(reply, JSON.stringify('events' in body ? headers : headers[0]));
  });
};
