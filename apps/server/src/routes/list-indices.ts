import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { ListIndicesQuery, ListIndicesReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import { errorsOf } from '../answers/error-schemas.js';
import type { Access } from '../plugins/access.js';

const schema = {
  operationId: 'indices',
  summary: 'All indices',
  description: 'With a token: those of channels that it may observe.',
  tags: ['indices'],
  querystring: ListIndicesQuery,
  response: { 200: ListIndicesReply, ...errorsOf(401, 429, 503) },
};

const access: Access = { action: 'observe', channelOf: 'listed' };

/** `GET /indices` */
export const listIndices: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'indices'> }> = async (
  fastify,
  { store },
) => {
  fastify.get('/indices', { config: { access }, schema }, async ({ eventsIdentity }) =>
    (await store.indices()).filter(({ channel }) => eventsIdentity?.may({ action: 'observe', channel })),
  );
};
