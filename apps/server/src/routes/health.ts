import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import { EventsError } from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';
import { errorsOf } from '../answers/error-schemas.js';

/** What the server is doing, for those who have to tell others. */
export interface Lifecycle {
  /** True from the first signal on. */
  stopping: boolean;
}

const Status = (status: string) => Type.Object({ status: Type.Literal(status) });

/** `GET /health/live`: the process answers. `GET /health/ready`: it should get requests. */
export const health: FastifyPluginAsyncTypebox<{ store: EventStore; lifecycle: Lifecycle }> = async (
  fastify,
  { store, lifecycle },
) => {
  fastify.get(
    '/health/live',
    {
      schema: {
        operationId: 'live',
        summary: 'The process answers',
        tags: ['operations'],
        response: { 200: Status('live') },
      },
    },
    async () => ({
      status: 'live' as const,
    }),
  );

  fastify.get(
    '/health/ready',
    {
      schema: {
        operationId: 'ready',
        summary: 'The server should get requests',
        tags: ['operations'],
        response: { 200: Status('ready'), ...errorsOf(503) },
      },
    },
    async () => {
      if (lifecycle.stopping)
        throw new EventsError('ServiceUnavailable', 'The server is stopping', { retryAfterS: 1 });
      await store.ping();
      return { status: 'ready' as const };
    },
  );
};
