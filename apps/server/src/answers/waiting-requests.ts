import type { FastifyReply } from 'fastify';
import { TemporaryRefusal } from './errors.js';

/** A request that waits for events: a poll or an event stream. */
export interface WaitingRequest {
  /** Ends the wait; does nothing if it has ended. */
  stop(): void;
}

/** The requests that wait now. Each of them is stopped when its client hangs up and when the server stops. */
export class WaitingRequests {
  readonly #limit: number;
  /** Each with what listens to its connection. */
  readonly #waiting = new Map<WaitingRequest, () => void>();
  #stopped = false;

  /** So many may wait at a time. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * For a request that is about to wait; it has to `leave`. It is stopped at once if its client has gone or the server
   * stops.
   *
   * @throws TemporaryRefusal if too many wait already.
   */
  enter(waiting: WaitingRequest, { raw, request }: FastifyReply): void {
    if (this.#waiting.size >= this.#limit) {
      throw new TemporaryRefusal(
        `This server already has ${this.#limit} waiting polls, its limit (MAX_WAITING_POLLS)`,
      );
    }
    const { socket } = request.raw;
    // An answer that is queued behind another (pipelining) is not told that its client has gone.
    const connection = raw.socket === null ? socket.setMaxListeners(0) : raw;
    const stop = () => waiting.stop();
    connection.on('close', stop);
    this.#waiting.set(waiting, stop);
    if (this.#stopped || socket.destroyed) stop();
  }

  /** For a request that does not wait any more. */
  leave(waiting: WaitingRequest, { raw, request }: FastifyReply): void {
    const stop = this.#waiting.get(waiting);
    if (stop === undefined) return;
    this.#waiting.delete(waiting);
    // It listens to one of them.
    raw.off('close', stop);
    request.raw.socket.off('close', stop);
  }

  /** Stops all that wait now, and at once those that still come. */
  stop(): void {
    this.#stopped = true;
    for (const waiting of this.#waiting.keys()) waiting.stop();
  }
}
