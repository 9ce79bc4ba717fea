import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { SaveGroupBody, SaveGroupReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../../answers/error-schemas.js';
import { groupSettings } from '../../answers/group-settings.js';
import { sendJson } from '../../answers/json.js';
import { startOf } from '../../answers/start-check.js';
import type { Access } from '../../plugins/access.js';

const schema = {
  operationId: 'saveGroup',
  summary: 'Create a group of workers, or change its settings',
  description:
    'A group shares the events of a channel name among its workers. What is not given has its default. The order of a ' +
    'group cannot be changed. `start` is only looked at if there is no such group.',
  tags: ['groups'],
  body: SaveGroupBody,
  response: { 200: SaveGroupReply, 201: SaveGroupReply, ...errorsOf(400, 401, 409, 413, 415, 429, 503) },
};

const access: Access = {
  action: 'manage',
  // The server publishes to the channel of the dead letters.
  channelOf: ({ body: { channel, deadLetters } }: FastifyRequest<{ Body: SaveGroupBody }>) =>
    deadLetters === undefined || deadLetters === 'none' ? channel : [channel, deadLetters],
};

/** `PUT /groups` */
export const saveGroup: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'saveGroup'> }> = async (
  fastify,
  { store },
) => {
  fastify.put('/groups', { config: { access }, schema }, async (request, reply) => {
    const { channel, group, ...body } = request.body;
    const { leaseMs, maxDeliveries, backoffMs, maxPending, order, deadLetters } = body;
    const given = { leaseMs, maxDeliveries, backoffMs, maxPending, order, deadLetters };
    const { isNew, settings } = await store.saveGroup(channel, group, given, startOf(body));
    return sendJson(
      reply.code(isNew ? 201 : 200),
      JSON.stringify({ channel, group, settings: groupSettings(settings) }),
    );
  });
};
