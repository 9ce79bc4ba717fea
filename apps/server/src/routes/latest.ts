import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DEFAULT_LIMIT } from '@ganomede/events-protocol';
import { LatestQuery, ReadReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import { sendPage } from '../answers/json.js';
import type { Access } from '../plugins/access.js';

export interface LatestOptions {
  readonly store: Pick<EventStore, 'latest'>;
  readonly maxLimit: number;
}

const schema = {
  operationId: 'latest',
  summary: 'The newest events of a channel',
  description: 'Ascending by id, without waiting. `before` pages backwards.',
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
  fastify.get('/latest', { config: { access }, schema }, async (request, reply) => {
    const { channel, limit = DEFAULT_LIMIT, before } = request.query;
    return sendPage(reply, await store.latest({ channel, limit: Math.min(limit, maxLimit), before }));
  });
};
