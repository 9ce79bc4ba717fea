import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { SettleBody, SettleReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../../answers/error-schemas.js';
import { sendJson } from '../../answers/json.js';
import { SettlementLists } from '../../answers/settlement-lists.js';
import type { Access } from '../../plugins/access.js';

const schema = {
  operationId: 'settle',
  summary: 'Acknowledge, release, reject or extend events',
  description:
    'What workers say of the events that they were given, in the order of the lists here. Each is done, is `stale`, or fails by ' +
    'itself. A release gives an event back: it is handed out again after `delayMs`, or as the back-off of the group says. ' +
    'A rejected event is a dead letter. An extension begins another lease now.',
  tags: ['groups'],
  body: SettleBody,
  response: { 200: SettleReply, ...errorsOf(400, 401, 404, 413, 415, 429, 503) },
};

const access: Access = {
  action: 'work',
  channelOf: ({ body }: FastifyRequest<{ Body: SettleBody }>) => body.channel,
};

/** `POST /groups/settle` */
export const settle: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'settle'> }> = async (
  fastify,
  { store },
) => {
  fastify.post('/groups/settle', { config: { access }, schema }, async (request, reply) => {
    const { channel, group, ...body } = request.body;
    const lists = new SettlementLists(body);
    const held = await store.settle(channel, group, lists.settlements);
    return sendJson(reply, JSON.stringify(lists.reply(held)));
  });
};
