import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DeleteGroupQuery, DeleteGroupReply } from '@ganomede/events-protocol/schemas';
import { type EventStore, unknownGroup } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../../answers/error-schemas.js';
import { sendJson } from '../../answers/json.js';
import type { Access } from '../../plugins/access.js';

const schema = {
  operationId: 'deleteGroup',
  summary: 'Delete a group',
  description: 'With everything of it. Its events stay in their channel, and its dead letters in theirs.',
  tags: ['groups'],
  querystring: DeleteGroupQuery,
  response: { 200: DeleteGroupReply, ...errorsOf(400, 401, 404, 429, 503) },
};

const access: Access = {
  action: 'manage',
  channelOf: ({ query }: FastifyRequest<{ Querystring: DeleteGroupQuery }>) => query.channel,
};

/** `DELETE /groups` */
export const deleteGroup: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'deleteGroup'> }> = async (
  fastify,
  { store },
) => {
  fastify.delete('/groups', { config: { access }, schema }, async ({ query }, reply) => {
    const { channel, group } = query;
    if (!(await store.deleteGroup(channel, group))) throw unknownGroup({ group }, channel);
    return sendJson(reply, '"OK"');
  });
};
