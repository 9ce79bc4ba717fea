import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** Whether a server runs or stops; shared by all of its apps. */
export interface Lifecycle {
  /** True from the beginning of the stop on: the server is not ready any more, also while it still answers (`DRAIN_MS`). */
  stopping: boolean;
}

/**
 * While the server stops every answer closes its connection. One that is in use is so ended between two requests, when
 * both sides know it; one that is kept alive would hold up the stop.
 */
export const stopping = fp(async (fastify: FastifyInstance, { lifecycle }: { lifecycle: Lifecycle }) => {
  fastify.addHook('preClose', async () => {
    lifecycle.stopping = true;
  });

  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (lifecycle.stopping) reply.header('Connection', 'close');
    done();
  });
});
