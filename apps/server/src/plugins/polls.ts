import { EventsError } from '@ganomede/events-protocol';
import type { PollSignal } from '@ganomede/events-store';
import type { FastifyInstance, FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import type { Lifecycle } from '../routes/health.js';

export interface PollsOptions {
  /** Above it a poll is refused. */
  readonly maxWaitingPolls: number;
  readonly lifecycle: Lifecycle;
}

/** Ten thousand polls may wait: an `AbortController` takes a kilobyte. */
class Ending implements PollSignal {
  aborted = false;
  readonly #listeners = new Set<() => void>();

  readonly abort = (): void => {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of [...this.#listeners]) listener();
  };

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }
}

/** Ends a poll when its client hangs up, and every poll when the server stops; bounds how many there are. */
export const polls = fp(async (fastify: FastifyInstance, { maxWaitingPolls, lifecycle }: PollsOptions) => {
  const running = new Set<Ending>();

  fastify.decorate(
    'whileConnected',
    async <T>(reply: FastifyReply, wait: (signal: PollSignal) => Promise<T>) => {
      if (running.size >= maxWaitingPolls) {
        throw new EventsError('ServiceUnavailable', `As many polls wait here as may: ${maxWaitingPolls}`, {
          retryAfterS: 1,
        });
      }
      // The socket, not the reply: one that is queued behind another (pipelining) is not told that its client has gone.
      const { socket } = reply.request.raw;
      const ending = new Ending();
      if (lifecycle.stopping || socket.destroyed) ending.abort();
      running.add(ending);
      socket.setMaxListeners(0).on('close', ending.abort);
      try {
        return await wait(ending);
      } finally {
        running.delete(ending);
        socket.off('close', ending.abort);
      }
    },
  );

  fastify.addHook('preClose', async () => {
    lifecycle.stopping = true;
    for (const ending of running) ending.abort();
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
    whileConnected<T>(reply: FastifyReply, wait: (signal: PollSignal) => Promise<T>): Promise<T>;
  }
}
