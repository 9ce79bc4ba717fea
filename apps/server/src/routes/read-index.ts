import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { IndexDefinition } from '@ganomede/events-protocol';
import { ReadIndexParams, ReadIndexQuery, ReadIndexReply } from '@ganomede/events-protocol/schemas';
import { type EventStore, MAX_PAGE_BYTES } from '@ganomede/events-store';
import { errorsOf } from '../answers/error-schemas.js';
import { sendJson } from '../answers/json.js';
import type { Access } from '../plugins/access.js';

export interface ReadIndexOptions {
  readonly store: Pick<EventStore, 'readIndex'>;
  readonly maxLimit: number;
}

const schema = {
  operationId: 'readIndex',
  summary: 'The events whose field has a value',
  description:
    'Newest first, without waiting. If there may be more, `next` is the `before` of the next page.',
  tags: ['indices'],
  params: ReadIndexParams,
  querystring: ReadIndexQuery,
  response: { 200: ReadIndexReply, ...errorsOf(400, 401, 404, 429, 503) },
};

const access: Access = { action: 'read', channelOf: 'looked up' };

/** `GET /indices/:indexId/:indexValue` */
export const readIndex: FastifyPluginAsyncTypebox<ReadIndexOptions> = async (
  fastify,
  { store, maxLimit },
) => {
  fastify.get('/indices/:indexId/:indexValue', { config: { access }, schema }, async (request, reply) => {
    const { indexId: id, indexValue: value } = request.params;
    const { limit, before } = request.query;
    const most = Math.min(limit ?? maxLimit, maxLimit);
    const cursor = { id, value, limit: most, before };
    const allow = ({ channel }: IndexDefinition) => request.checkEventsAccess(channel);
    const { index, rows } = await store.readIndex(cursor, { allow });
    const head = JSON.stringify({ id, field: index.field, value }).slice(0, -1);
    const mayHaveMore = rows.count >= most || rows.json.length >= MAX_PAGE_BYTES;
    const tail = mayHaveMore ? `,"next":${rows.events.at(-1)?.id}}` : '}';
    return sendJson(reply, Buffer.concat([Buffer.from(`${head},"rows":`), rows.json, Buffer.from(tail)]));
  });
};
