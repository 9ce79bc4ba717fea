import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { EventHeader } from '@ganomede/events-protocol';
import {
  BatchPublishBody,
  BatchPublishReply,
  IdempotencyKey,
  PublishBody,
  PublishReply,
} from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyReply, FastifyRequest, preValidationHookHandler } from 'fastify';
import type { DirectAnswers } from '../answers/direct-answers.js';
import { errorsOf } from '../answers/error-schemas.js';
import { cloudEventKey } from '../formats/cloud-events.js';
import { describeCloudEvents } from '../formats/described-contents.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Access } from '../plugins/access.js';
import { cloudEvents, takeCloudEvents } from '../plugins/cloud-events.js';

export interface PublishOptions {
  readonly store: Pick<EventStore, 'append'>;
  readonly metrics: Pick<Metrics, 'published'>;
  readonly answers: DirectAnswers;
}

const schema = {
  operationId: 'publish',
  summary: 'Publish an event, or several',
  description:
    'Answers once the event is stored: with its header, and with the rest of it unless `Prefer: return=minimal` is there. ' +
    'With `events` all of them are stored, with consecutive ids, or none, and their headers are the answer. ' +
    'Repeated with the same `Idempotency-Key` it answers as the first time and stores nothing. ' +
    'With `expectedLastId` nothing is stored unless that is the newest id of the channel. ' +
    'CloudEvents 1.0 are taken as well, structured, in binary mode (`ce-` headers) and in batches, with `clientId` and `channel` in ' +
    'the query: `source` and `id` are the key of each.',
  tags: ['events'],
  headers: Type.Object({ 'idempotency-key': Type.Optional(IdempotencyKey) }),
  body: Type.Union([BatchPublishBody, PublishBody]),
  response: {
    200: Type.Union([PublishReply, BatchPublishReply]),
    ...errorsOf(400, 401, 409, 413, 415, 422, 429, 503),
  },
};

const access: Access = {
  action: 'publish',
  channelOf: ({ body }: FastifyRequest<{ Body: PublishBody | BatchPublishBody }>) => body.channel,
};

/** Of several events there is a list; whatever else is called so is a field that is ignored, as the original ignores it. */
const ignoreOtherEvents: preValidationHookHandler = (request, _reply, done) => {
  const { body } = request as { body: { events?: unknown } | null | undefined };
  if (typeof body === 'object' && body !== null && !Array.isArray(body.events)) delete body.events;
  done();
};

/** `POST /events` */
export const publish: FastifyPluginAsyncTypebox<PublishOptions> = async (
  fastify,
  { store, metrics, answers },
) => {
  await fastify.register(cloudEvents);
  const options = {
    config: { access, swaggerTransform: describeCloudEvents },
    schema,
    preValidation: [takeCloudEvents, ignoreOtherEvents],
  };
  fastify.post('/events', options, async (request, reply) => {
    if (request.cloudEvents !== null) return publishCloudEvents(request, reply);
    const isBatch = 'events' in request.body;
    const rest =
      isBatch || request.headers.prefer === 'return=minimal' ? {} : contentOf(request.body as PublishBody);
    const appending = append(request.body, request.headers['idempotency-key']);
    // The store has its JSON text: thousands of objects that need not be kept while it writes.
    (request as { body: unknown }).body = undefined;
    const headers = await appending;
    metrics.published.inc(headers.length);
    return answers.sendJson(reply, JSON.stringify(isBatch ? headers : { ...headers[0], ...rest }));
  });

  /** Each event is stored by itself, once, so that whatever came of a request it can be sent again, in a batch of any others. */
  async function publishCloudEvents(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { clientId, channel, events } = request.body as BatchPublishBody;
    // Called in their order in one turn, so that the store takes them in their order, and together.
    const appending = events.map((event) =>
      store.append(channel, [event], { idempotency: { clientId, key: cloudEventKey(event) } }),
    );
    (request as { body: unknown }).body = undefined;
    const outcomes = await Promise.allSettled(appending);
    const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    metrics.published.inc(outcomes.filter(({ status }) => status === 'fulfilled').length);
    if (failed !== undefined) throw failed.reason;
    const headers = (await Promise.all(appending)).flat();
    return answers.sendJson(reply, JSON.stringify(request.cloudEvents === 'several' ? headers : headers[0]));
  }

  function append(body: PublishBody | BatchPublishBody, key: string | undefined): Promise<EventHeader[]> {
    const { clientId, channel, expectedLastId } = body;
    return store.append(channel, 'events' in body ? body.events : [body], {
      idempotency: key === undefined ? undefined : { clientId, key },
      expectedLastId,
    });
  }
};

/** What a publisher says about its event. */
function contentOf({
  from,
  type,
  data,
  metadata,
}: PublishBody): Pick<PublishBody, 'from' | 'type' | 'data' | 'metadata'> {
  return { from, type, ...(data !== undefined && { data }), ...(metadata !== undefined && { metadata }) };
}
