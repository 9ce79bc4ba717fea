import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DeleteChannelQuery } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import { Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import { sendJson } from '../answers/json.js';
import type { Access } from '../plugins/access.js';

const schema = {
  operationId: 'deleteChannel',
  summary: 'Delete a channel',
  description:
    'With its events, cursors, groups and indices. If it is used again its ids go on. Answers once all of it is gone; if that is ' +
    'broken off the same request does the rest.',
  tags: ['management'],
  querystring: DeleteChannelQuery,
  response: { 200: Type.Literal('OK'), ...errorsOf(400, 401, 404, 429, 503) },
};

const access: Access = {
  action: 'manage',
  channelOf: ({ query }: FastifyRequest<{ Querystring: DeleteChannelQuery }>) => query.channel,
};

/** `DELETE /channels` */
export const deleteChannel: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'deleteChannel'> }> = async (
  fastify,
  { store },
) => {
  fastify.delete('/channels', { config: { access }, schema }, async (request, reply) => {
    await store.deleteChannel(request.query.channel);
    return sendJson(reply, '"OK"');
  });
};
