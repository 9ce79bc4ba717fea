import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CreateIndexBody, CreateIndexReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import { sendJson } from '../answers/json.js';
import type { Access } from '../plugins/access.js';

const schema = {
  operationId: 'createIndex',
  summary: 'Define an index',
  description: 'Finds events of a channel by the value of a field, those before the index too.',
  tags: ['indices'],
  body: CreateIndexBody,
  response: { 200: CreateIndexReply, ...errorsOf(400, 401, 409, 413, 415, 429, 503) },
};

const access: Access = {
  action: 'manage',
  channelOf: ({ body }: FastifyRequest<{ Body: CreateIndexBody }>) => body.channel,
};

/** `POST /indices` */
export const createIndex: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'createIndex'> }> = async (
  fastify,
  { store },
) => {
  fastify.post('/indices', { config: { access }, schema }, async (request, reply) => {
    const { id, channel, field } = request.body;
    await store.createIndex({ id, channel, field });
    return sendJson(reply, '"OK"');
  });
};
