import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PublishBody, PublishReply } from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';
import type { Metrics } from '../metrics.js';

export interface PublishOptions {
  readonly store: EventStore;
  readonly metrics: Metrics;
}

/** `POST /events` */
export const publish: FastifyPluginAsyncTypebox<PublishOptions> = async (fastify, { store, metrics }) => {
  fastify.post(
    '/events',
    { preValidation: fastify.authenticate, schema: { body: PublishBody, response: { 200: PublishReply } } },
    async (request) => {
      const { channel, from, type, data } = request.body;
      const [header] = await store.append(channel, [
        data === undefined ? { from, type } : { from, type, data },
      ]);
      metrics.published.inc();
      return header as PublishReply;
    },
  );
};
