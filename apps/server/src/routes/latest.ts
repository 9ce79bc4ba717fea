import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DEFAULT_LIMIT } from '@ganomede/events-protocol';
import { LatestQuery, ReadReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { asksForCloudEvents, CloudEventPages } from '../answers/cloud-event-pages.js';
import { errorsOf } from '../answers/error-schemas.js';
import { sendPage } from '../answers/json.js';
import { PAGE_CONTENTS, withContents } from '../formats/described-contents.js';
import type { Access } from '../plugins/access.js';

export interface LatestOptions {
  readonly store: Pick<EventStore, 'latest' | 'channelOf'>;
  readonly maxLimit: number;
}

const schema = {
  operationId: 'latest',
  summary: 'The newest events of a channel',
  description:
    'Ascending by id, without waiting. `before` pages backwards. ' +
    'With `Accept: application/cloudevents-batch+json` they are CloudEvents 1.0.',
  tags: ['events'],
  querystring: LatestQuery,
  response: { 200: ReadReply, ...errorsOf(400, 401, 429, 503) },
};

const access: Access = {
  action: 'read',
  channelOf: ({ query }: FastifyRequest<{ Querystring: LatestQuery }>) => query.channel,
};

/** `GET /latest` */
export const latest: FastifyPluginAsyncTypebox<LatestOptions> = async (fastify, { store, maxLimit }) => {
  const cloudEvents = new CloudEventPages(store);
  const config = { access, swaggerTransform: withContents(PAGE_CONTENTS) };
  fastify.get('/latest', { config, schema }, async (request, reply) => {
    const { channel, limit = DEFAULT_LIMIT, before } = request.query;
    const page = await store.latest({ channel, limit: Math.min(limit, maxLimit), before });
    return asksForCloudEvents(request) ? cloudEvents.sendPage(reply, page) : sendPage(reply, page);
  });
};
