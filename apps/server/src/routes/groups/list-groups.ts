import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { ListGroupsQuery, ListGroupsReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../../answers/error-schemas.js';
import { groupSettings } from '../../answers/group-settings.js';
import { sendJson } from '../../answers/json.js';
import type { Access } from '../../plugins/access.js';

const schema = {
  operationId: 'groups',
  summary: 'The groups of a channel',
  description:
    'Those of its types too, each with its settings and how it is. With a token: those that it may observe.',
  tags: ['groups'],
  querystring: ListGroupsQuery,
  response: { 200: ListGroupsReply, ...errorsOf(400, 401, 429, 503) },
};

const access: Access = {
  action: 'observe',
  channelOf: ({ query }: FastifyRequest<{ Querystring: ListGroupsQuery }>) => query.channel,
};

/** `GET /groups` */
export const listGroups: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'groups'> }> = async (
  fastify,
  { store },
) => {
  fastify.get(
    '/groups',
    { config: { access }, exposeHeadRoute: false, schema },
    async ({ query, eventsIdentity }, reply) => {
      const groups = (await store.groups(query.channel)).filter(({ channel, group }) =>
        eventsIdentity?.may({ action: 'observe', channel, group }),
      );
      const shown = groups.map(({ settings, ...state }) => ({
        channel: state.channel,
        group: state.group,
        settings: groupSettings(settings),
        after: state.after,
        lag: state.lag,
        pending: state.pending,
        oldestPendingMs: state.oldestPendingMs,
        heldBack: state.heldBack,
        redelivered: state.redelivered,
        deadLetters: state.deadLetters,
        missed: state.missed,
        isFull: state.isFull,
        workers: state.workers,
        createdAt: state.createdAt,
      }));
      return sendJson(reply, JSON.stringify(shown));
    },
  );
};
