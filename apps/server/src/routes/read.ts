import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DEFAULT_LIMIT, FIRST_ID_HEADER, LAST_ID_HEADER, ReadQuery } from '@ganomede/events-protocol';
import type { EventBatch, EventStore } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';

export interface ReadOptions {
  readonly store: EventStore;
  readonly pollTimeoutMs: number;
  readonly maxLimit: number;
}

/** `GET /events` */
export const read: FastifyPluginAsyncTypebox<ReadOptions> = async (
  fastify,
  { store, pollTimeoutMs, maxLimit },
) => {
  fastify.get(
    '/events',
    { preValidation: fastify.authenticate, exposeHeadRoute: false, schema: { querystring: ReadQuery } },
    async (request, reply) => {
      const { clientId, channel, after, limit = DEFAULT_LIMIT, timeout = pollTimeoutMs } = request.query;
      const place = {
        channel,
        after: after ?? (await store.loadCursor(clientId, channel)),
        limit: Math.min(limit, maxLimit),
      };
      const poll = store.poll(place, {
        timeoutMs: Math.min(timeout, pollTimeoutMs),
        signal: fastify.pollSignal(reply),
      });
      // Saved while the poll reads and waits: the answer needs both.
      const save = after === undefined ? undefined : store.saveCursor(clientId, channel, after);
      const [batch] = await Promise.all([poll, save]);
      return sendBatch(reply, batch);
    },
  );
};

function sendBatch(reply: FastifyReply, batch: EventBatch): FastifyReply {
  return reply
    .header(FIRST_ID_HEADER, batch.firstId)
    .header(LAST_ID_HEADER, batch.lastId)
    .header('content-type', 'application/json; charset=utf-8')
    .send(batch.json);
}
