import type { EventEmitter } from 'node:events';
import { EventsError } from '@ganomede/events-protocol';
import type { PollListener, PollSignal } from '@ganomede/events-store';
import type { FastifyInstance, FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import type { Lifecycle } from '../routes/health.js';

export interface PollsOptions {
  /** Above it a poll is refused. */
  readonly maxWaitingPolls: number;
  readonly lifecycle: Lifecycle;
}

/**
 * A request that may wait: aborts when its client's connection closes or the server stops. Tens of thousands may
 * wait at once, and an `AbortController` takes a kilobyte.
 */
export class RunningPoll implements PollSignal {
  aborted = false;
  readonly #running: Set<RunningPoll>;
  readonly #source: EventEmitter;
  #listeners: readonly PollListener[] = NONE;

  constructor(running: Set<RunningPoll>, source: EventEmitter) {
    this.#running = running;
    this.#source = source;
    running.add(this);
    source.on('close', this.abort);
  }

  readonly abort = (): void => {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of this.#listeners) listener.handleEvent();
  };

  addEventListener(_type: 'abort', listener: PollListener): void {
    // Not by a spread, which leaves room for 16 more.
    this.#listeners = this.#listeners.concat(listener);
  }

  removeEventListener(_type: 'abort', listener: PollListener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  /** Has to be called once the request does not wait any more. */
  end(): void {
    this.#running.delete(this);
    this.#source.off('close', this.abort);
  }
}

const NONE: readonly never[] = [];

/** Ends a poll when its client hangs up, and every poll when the server stops; bounds how many there are. */
export const polls = fp(async (fastify: FastifyInstance, { maxWaitingPolls, lifecycle }: PollsOptions) => {
  const running = new Set<RunningPoll>();

  fastify.decorate('beginPoll', ({ raw, request }: FastifyReply) => {
    if (running.size >= maxWaitingPolls) {
      throw new EventsError('ServiceUnavailable', `As many polls wait here as may: ${maxWaitingPolls}`, {
        retryAfterS: 1,
      });
    }
    const { socket } = request.raw;
    // An answer that is queued behind another (pipelining) is not told that its client has gone.
    const poll = new RunningPoll(running, raw.socket === null ? socket.setMaxListeners(0) : raw);
    if (lifecycle.stopping || socket.destroyed) poll.abort();
    return poll;
  });

  fastify.addHook('preClose', async () => {
    lifecycle.stopping = true;
    for (const poll of running) poll.abort();
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
     * For a request that may wait; to be ended.
     *
     * @throws EventsError `ServiceUnavailable` where MAX_WAITING_POLLS are running already.
     */
    beginPoll(reply: FastifyReply): RunningPoll;
  }
}
