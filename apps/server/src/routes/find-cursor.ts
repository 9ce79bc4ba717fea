import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { EventsError, parseTime, TIME_RULE } from '@ganomede/events-protocol';
import { FindCursorQuery, FindCursorReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import type { Access } from '../plugins/access.js';

export interface FindCursorOptions {
  readonly store: Pick<EventStore, 'cursorAt'>;
}

const schema = {
  operationId: 'findCursor',
  summary: 'Find the cursor of a time',
  description:
    'Behind `after` comes the first event whose timestamp is `time` or later. For a time to come that is the next event. ' +
    'Saves nothing.',
  tags: ['events'],
  querystring: FindCursorQuery,
  response: { 200: FindCursorReply, ...errorsOf(400, 401, 429, 503) },
};

const access: Access = {
  action: 'read',
  channelOf: ({ query }: FastifyRequest<{ Querystring: FindCursorQuery }>) => query.channel,
};

/** `GET /cursors` */
export const findCursor: FastifyPluginAsyncTypebox<FindCursorOptions> = async (fastify, { store }) => {
  fastify.get('/cursors', { config: { access }, schema }, async ({ query }) => {
    const time = parseTime(query.time);
    if (time === undefined) {
      throw new EventsError(
        'InvalidContent',
        `Invalid time: expected ${TIME_RULE}, got ${JSON.stringify(query.time.slice(0, 60))}`,
      );
    }
    const { after, firstId, lastId, epoch } = await store.cursorAt(query.channel, time);
    return { after, firstId, lastId, ...(epoch !== undefined && { epoch }) };
  });
};
