import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DeleteConsumerQuery } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import { Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import { sendJson } from '../answers/json.js';
import type { Access } from '../plugins/access.js';

const schema = {
  operationId: 'deleteConsumer',
  summary: 'Forget the cursor of a consumer',
  description: 'On one channel name. If it reads again it begins anew.',
  tags: ['management'],
  querystring: DeleteConsumerQuery,
  response: { 200: Type.Literal('OK'), ...errorsOf(400, 401, 404, 429, 503) },
};

const access: Access = {
  action: 'manage',
  channelOf: ({ query }: FastifyRequest<{ Querystring: DeleteConsumerQuery }>) => query.channel,
};

/** `DELETE /consumers` */
export const deleteConsumer: FastifyPluginAsyncTypebox<{
  store: Pick<EventStore, 'deleteConsumer'>;
}> = async (fastify, { store }) => {
  fastify.delete('/consumers', { config: { access }, schema }, async (request, reply) => {
    const { clientId, channel } = request.query;
    await store.deleteConsumer(clientId, channel);
    return sendJson(reply, '"OK"');
  });
};
