import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DEFAULT_LIMIT } from '@ganomede/events-protocol';
import { ListChannelsQuery, ListChannelsReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import { errorsOf } from '../answers/error-schemas.js';
import { visibleChannels } from '../answers/visible-channels.js';
import type { Access } from '../plugins/access.js';

export interface ListChannelsOptions {
  readonly store: Pick<EventStore, 'channels'>;
  readonly maxLimit: number;
}

const schema = {
  operationId: 'channels',
  summary: 'The channels, and where each begins and ends',
  description:
    'Sorted by the UTF-8 bytes of their names. `after`, the last name of a page, asks for the next. With a token: those that it may observe as a whole.',
  tags: ['management'],
  querystring: ListChannelsQuery,
  response: { 200: ListChannelsReply, ...errorsOf(400, 401, 429, 503) },
};

const access: Access = { action: 'observe', channelOf: 'listed' };

/** `GET /channels` */
export const listChannels: FastifyPluginAsyncTypebox<ListChannelsOptions> = async (
  fastify,
  { store, maxLimit },
) => {
  fastify.get('/channels', { config: { access }, schema }, async (request) => {
    const { prefix, after, limit = DEFAULT_LIMIT } = request.query;
    const range = { prefix, after, limit: Math.min(limit, maxLimit) };
    return visibleChannels(store, request.eventsIdentity?.channelsFor(access.action) ?? [], range);
  });
};
