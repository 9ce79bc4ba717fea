import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { EventHeader, EventInput, Metadata } from '@ganomede/events-protocol';
import {
  BatchPublishBody,
  BatchPublishReply,
  IdempotencyKey,
  PublishBody,
  PublishReply,
} from '@ganomede/events-protocol/schemas';
import type { AppendOptions, EventStore } from '@ganomede/events-store';
import type { FastifyReply, FastifyRequest, preValidationHookHandler } from 'fastify';
import type { DirectAnswers } from '../answers/direct-answers.js';
import { errorsOf } from '../answers/error-schemas.js';
import { cloudEventKey } from '../formats/cloud-events.js';
import { describeCloudEvents } from '../formats/described-contents.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Access } from '../plugins/access.js';
import { cloudEvents, takeCloudEvents } from '../plugins/cloud-events.js';
import { tracedAppend } from '../tracing/publish-span.js';
import { traceContextOf, withTraceContext } from '../tracing/trace-context.js';

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
    'the query: `source` and `id` are the key of each. ' +
    'A `traceparent` header (W3C Trace Context) is kept in the metadata of events that have none.',
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
    const trace = traceContextOf(request.headers);
    const appending = append(request.body, request.headers['idempotency-key'], trace);
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
    const trace = traceContextOf(request.headers);
    const appending = events.map((event) =>
      appendTraced(channel, [event], trace, { idempotency: { clientId, key: cloudEventKey(event) } }),
    );
    (request as { body: unknown }).body = undefined;
    const outcomes = await Promise.allSettled(appending);
    const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    metrics.published.inc(outcomes.filter(({ status }) => status === 'fulfilled').length);
    if (failed !== undefined) throw failed.reason;
    const headers = (await Promise.all(appending)).flat();
    return answers.sendJson(reply, JSON.stringify(request.cloudEvents === 'several' ? headers : headers[0]));
  }

  function append(
    body: PublishBody | BatchPublishBody,
    key: string | undefined,
    trace: Metadata | undefined,
  ): Promise<EventHeader[]> {
    const { clientId, channel, expectedLastId } = body;
    const idempotency = key === undefined ? undefined : { clientId, key };
    const events = 'events' in body ? body.events : [body];
    return appendTraced(channel, events, trace, { idempotency, expectedLastId });
  }

  function appendTraced(
    channel: string,
    sent: readonly EventInput[],
    trace: Metadata | undefined,
    options: AppendOptions,
  ): Promise<EventHeader[]> {
    const events =
      trace === undefined
        ? sent
        : sent.map((event) => ({ ...event, metadata: withTraceContext(event.metadata, trace) }));
    return tracedAppend(channel, events, () => store.append(channel, events, options));
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
