import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { EventHeader, Metadata } from '@ganomede/events-protocol';
import {
  BatchPublishBody,
  BatchPublishReply,
  IdempotencyKey,
  PublishBody,
  PublishReply,
} from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest, preValidationHookHandler } from 'fastify';
import type { DirectAnswers } from '../answers/direct-answers.js';
import { errorsOf } from '../answers/error-schemas.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Access } from '../plugins/access.js';
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
  const options = { config: { access }, schema, preValidation: ignoreOtherEvents };
  fastify.post('/events', options, async (request, reply) => {
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

  function append(
    body: PublishBody | BatchPublishBody,
    key: string | undefined,
    trace: Metadata | undefined,
  ): Promise<EventHeader[]> {
    const { clientId, channel, expectedLastId } = body;
    const sent = 'events' in body ? body.events : [body];
    const events =
      trace === undefined
        ? sent
        : sent.map((event) => ({ ...event, metadata: withTraceContext(event.metadata, trace) }));
    const idempotency = key === undefined ? undefined : { clientId, key };
    return tracedAppend(channel, events, () =>
      store.append(channel, events, { idempotency, expectedLastId }),
    );
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
