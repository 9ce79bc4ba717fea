import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import type { Lifecycle } from '../routes/health.js';

export interface PollsOptions {
  /** Above it a poll is refused. */
  readonly maxWaitingPolls: number;
  readonly lifecycle: Lifecycle;
}

/** Ends a poll when its client hangs up, and every poll when the server stops; bounds how many there are. */
export const polls = fp(async (fastify: FastifyInstance, { maxWaitingPolls, lifecycle }: PollsOptions) => {
  const running = new Set<AbortController>();

  fastify.decorate('pollSignal', (reply: FastifyReply) => {
    if (running.size >= maxWaitingPolls) {
      throw new EventsError(
        'ServiceUnavailable',
        `${running.size} polls are waiting, which is as many as may wait here`,
      );
    }
    const controller = new AbortController();
    if (lifecycle.stopping) controller.abort();
    running.add(controller);
    reply.raw.once('close', () => {
      running.delete(controller);
      controller.abort();
    });
    return controller.signal;
  });

  fastify.addHook('preClose', async () => {
    lifecycle.stopping = true;
    for (const controller of running) controller.abort();
  });

  // A kept-alive connection would hold up the stop.
  fastify.addHook('onSend', async (_request, reply) => {
    if (lifecycle.stopping) reply.header('Connection', 'close');
  });
});

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Aborts when the reply's connection closes or the server stops.
     *
     * @throws EventsError `ServiceUnavailable` where MAX_WAITING_POLLS polls are running already.
     */
    pollSignal(reply: FastifyReply): AbortSignal;
  }
}
