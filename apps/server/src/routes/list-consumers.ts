import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DEFAULT_LIMIT } from '@ganomede/events-protocol';
import { ListConsumersQuery, ListConsumersReply } from '@ganomede/events-protocol/schemas';
import type { EventStore, GroupDescription } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import { visibleConsumers } from '../answers/visible-consumers.js';
import type { Access } from '../plugins/access.js';

export interface ListConsumersOptions {
  readonly store: Pick<EventStore, 'consumers' | 'groups'>;
  readonly maxLimit: number;
}

const schema = {
  operationId: 'consumers',
  summary: 'The consumers of a channel, and how far behind each is',
  description:
    'Those on the types of the channel too. Sorted by clientId, then channel name. `limit` counts clientIds, and `after`, the last ' +
    'clientId of a page, asks for the next. What is not known is absent. The first page ends with the groups of the channel. With a token: those that it may observe.',
  tags: ['management'],
  querystring: ListConsumersQuery,
  response: { 200: ListConsumersReply, ...errorsOf(400, 401, 429, 503) },
};

const access: Access = {
  action: 'observe',
  channelOf: ({ query }: FastifyRequest<{ Querystring: ListConsumersQuery }>) => query.channel,
};

/** `GET /consumers` */
export const listConsumers: FastifyPluginAsyncTypebox<ListConsumersOptions> = async (
  fastify,
  { store, maxLimit },
) => {
  fastify.get('/consumers', { config: { access }, schema }, async (request) => {
    const { channel, after, limit = DEFAULT_LIMIT } = request.query;
    const maySee = (consumer: { channel: string; clientId?: string; group?: string }) =>
      request.eventsIdentity?.may({ action: 'observe', ...consumer }) === true;
    const range = { after, limit: Math.min(limit, maxLimit) };
    const consumers = await visibleConsumers(store, channel, range, maySee);
    if (after !== undefined) return consumers;
    const groups = (await store.groups(channel)).map(asConsumer);
    return [...consumers, ...groups.filter(maySee)];
  });
};

function asConsumer(state: GroupDescription): ListConsumersReply[number] {
  const { group, channel, after, lag, pending, redelivered, deadLetters, oldestPendingMs } = state;
  return {
    ...{ group, channel, after, lag, pending, redelivered, deadLetters },
    ...(oldestPendingMs !== undefined && { oldestPendingMs }),
  };
}
