import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { EventsError, FIRST_TIME_MS, parseTime } from '@ganomede/events-protocol';
import { TrimChannelBody, TrimChannelReply } from '@ganomede/events-protocol/schemas';
import type { EventStore, TrimPoint } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import type { Access } from '../plugins/access.js';

const schema = {
  operationId: 'trimChannel',
  summary: 'Drop the oldest events of a channel',
  description:
    'Those before an id or a time; ids go on. Answers with what is kept once the others are gone from the store and its indices.',
  tags: ['management'],
  body: TrimChannelBody,
  response: { 200: TrimChannelReply, ...errorsOf(400, 401, 404, 413, 415, 429, 503) },
};

const access: Access = {
  action: 'manage',
  channelOf: ({ body }: FastifyRequest<{ Body: TrimChannelBody }>) => body.channel,
};

/** `POST /channels/trim` */
export const trimChannel: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'trim'> }> = async (
  fastify,
  { store },
) => {
  fastify.post('/channels/trim', { config: { access }, schema }, async (request) =>
    store.trim(request.body.channel, pointOf(request.body.before)),
  );
};

/** @throws EventsError `InvalidContent` if there is no such day or time */
function pointOf(before: TrimChannelBody['before']): TrimPoint {
  if (typeof before === 'number') return before < FIRST_TIME_MS ? { id: before } : { timestamp: before };
  const timestamp = parseTime(before);
  if (timestamp !== undefined) return { timestamp };
  throw new EventsError('InvalidContent', `Invalid before: expected a time that there is, got ${before}`);
}
