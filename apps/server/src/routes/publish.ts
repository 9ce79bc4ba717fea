import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PublishBody, PublishReply } from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';

/** `POST /events` */
export const publish: FastifyPluginAsyncTypebox<{ store: EventStore }> = async (fastify, { store }) => {
  fastify.post(
    '/events',
    { preValidation: fastify.authenticate, schema: { body: PublishBody, response: { 200: PublishReply } } },
    async (request) => {
      const { channel, from, type, data } = request.body;
      const [header] = await store.append(channel, [
        data === undefined ? { from, type } : { from, type, data },
      ]);
      return header as PublishReply;
    },
  );
};
