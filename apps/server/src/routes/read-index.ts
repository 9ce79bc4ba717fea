import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import {
  CreateIndexBody,
  CreateIndexReply,
  ListIndicesQuery,
  ListIndicesReply,
  ReadIndexParams,
  ReadIndexQuery,
  ReadIndexReply,
} from '@ganomede/events-protocol';
import { type EventStore, MAX_BATCH_BYTES } from '@ganomede/events-store';
import { errorsOf } from '../answers/error-schemas.js';
import { sendJson } from '../answers/json.js';

export interface IndicesOptions {
  readonly store: EventStore;
  readonly maxLimit: number;
}

/** `POST` and `GET /indices`, `GET /indices/:indexId/:indexValue` */
export const indices: FastifyPluginAsyncTypebox<IndicesOptions> = async (fastify, { store, maxLimit }) => {
  fastify.post(
    '/indices',
    {
      preValidation: fastify.authenticate,
      schema: {
        operationId: 'createIndex',
        summary: 'Define an index',
        description: 'Finds events of a channel by the value of a field, those before the index too.',
        tags: ['indices'],
        body: CreateIndexBody,
        response: { 200: CreateIndexReply, ...errorsOf(400, 401, 409, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { id, channel, field } = request.body;
      await store.createIndex({ id, channel, field });
      return sendJson(reply, '"OK"');
    },
  );

  fastify.get(
    '/indices',
    {
      preValidation: fastify.authenticate,
      schema: {
        operationId: 'indices',
        summary: 'All indices',
        tags: ['indices'],
        querystring: ListIndicesQuery,
        response: { 200: ListIndicesReply, ...errorsOf(401, 429, 503) },
      },
    },
    async () => store.indices(),
  );

  fastify.get(
    '/indices/:indexId/:indexValue',
    {
      preValidation: fastify.authenticate,
      schema: {
        operationId: 'readIndex',
        summary: 'The events whose field has a value',
        description:
          'Newest first, without waiting. Where there may be more, `next` is the `before` of the next page.',
        tags: ['indices'],
        params: ReadIndexParams,
        querystring: ReadIndexQuery,
        response: { 200: ReadIndexReply, ...errorsOf(400, 401, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const { indexId: id, indexValue: value } = request.params;
      const { limit, before } = request.query;
      const most = Math.min(limit ?? maxLimit, maxLimit);
      const { index, rows } = await store.readIndex({ id, value, limit: most, before });
      const head = JSON.stringify({ id, field: index.field, value }).slice(0, -1);
      const mayHaveMore = rows.count >= most || rows.json.length >= MAX_BATCH_BYTES;
      const tail = mayHaveMore ? `,"next":${rows.events.at(-1)?.id}}` : '}';
      return sendJson(reply, Buffer.concat([Buffer.from(`${head},"rows":`), rows.json, Buffer.from(tail)]));
    },
  );
};
