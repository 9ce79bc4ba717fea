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

  fastify.decorate(
    'whileConnected',
    async <T>(reply: FastifyReply, wait: (signal: AbortSignal) => Promise<T>) => {
      if (running.size >= maxWaitingPolls) {
        throw new EventsError('ServiceUnavailable', `As many polls wait here as may: ${maxWaitingPolls}`, {
          retryAfterS: 1,
        });
      }
      // The socket, not the reply: one that is queued behind another (pipelining) is not told that its client has gone.
      const { socket } = reply.request.raw;
      const controller = new AbortController();
      const abort = () => controller.abort();
      if (lifecycle.stopping || socket.destroyed) abort();
      running.add(controller);
      socket.setMaxListeners(0).once('close', abort);
      try {
        return await wait(controller.signal);
      } finally {
        running.delete(controller);
        socket.off('close', abort);
      }
    },
  );

  fastify.addHook('preClose', async () => {
    lifecycle.stopping = true;
    for (const controller of running) controller.abort();
  });

  // A kept-alive connection would hold up the stop.
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (lifecycle.stopping) reply.header('Connection', 'close');
    done();
  });
});

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Runs something that waits, with a signal that aborts when the client's connection closes or the server stops.
     *
     * @throws EventsError `ServiceUnavailable` (as a rejection) where MAX_WAITING_POLLS are running already.
     */
    whileConnected<T>(reply: FastifyReply, wait: (signal: AbortSignal) => Promise<T>): Promise<T>;
  }
}
