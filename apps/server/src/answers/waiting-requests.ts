import { Roster, type RosterMember } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import { TemporaryRefusal } from './errors.js';
import { Expiries } from './expiries.js';

/** A request that waits for events: a poll or an event stream. */
export interface WaitingRequest {
  /** Ends the wait; does nothing if it has ended. */
  stop(): void;
}

/** A request among those that wait, for as long as it waits. */
export interface Waiting {
  /** To be called once it does not wait any more. */
  leave(): void;
}

/** The requests that wait now. Each of them is stopped when its client hangs up, when its token expires and when the server stops. */
export class WaitingRequests {
  readonly #limit: number;
  readonly #roster = new Roster<Entry>();
  readonly #expiries = new Expiries();
  #stopped = false;

  /** So many may wait at a time. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * For a request that is about to wait. It is stopped at once if its client has gone, its token has expired or the server stops.
   *
   * @throws TemporaryRefusal if too many wait already.
   */
  enter(request: WaitingRequest, reply: FastifyReply): Waiting {
    if (this.#roster.size >= this.#limit) {
      throw new TemporaryRefusal(
        `This server already has ${this.#limit} waiting polls, its limit (MAX_WAITING_POLLS)`,
      );
    }
    const { raw, eventsIdentity } = reply.request;
    const { socket } = raw;
    // An answer that is queued behind another (pipelining) is not told that its client has gone.
    const connection = reply.raw.socket === null ? socket.setMaxListeners(0) : reply.raw;
    const entry = new Entry(this.#roster, request, connection, this.#expiries, eventsIdentity?.expiresAt);
    if (this.#stopped || socket.destroyed) request.stop();
    return entry;
  }

  /** Stops all that wait now, and at once those that still come. */
  stop(): void {
    this.#stopped = true;
    for (const { request } of this.#roster.members()) request.stop();
  }
}

class Entry implements Waiting, RosterMember {
  rosterIndex = -1;
  readonly request: WaitingRequest;
  readonly #roster: Roster<Entry>;
  readonly #connection: NodeJS.EventEmitter;
  readonly #expiries: Expiries;
  readonly #expiresAt: number;
  readonly #stop = (): void => this.request.stop();

  constructor(
    roster: Roster<Entry>,
    request: WaitingRequest,
    connection: NodeJS.EventEmitter,
    expiries: Expiries,
    expiresAt = Number.POSITIVE_INFINITY,
  ) {
    this.request = request;
    this.#roster = roster;
    this.#connection = connection;
    this.#expiries = expiries;
    this.#expiresAt = expiresAt;
    roster.add(this);
    connection.on('close', this.#stop);
    if (expiresAt !== Number.POSITIVE_INFINITY) expiries.add(expiresAt, request);
  }

  leave(): void {
    if (!this.#roster.delete(this)) return;
    this.#connection.off('close', this.#stop);
    if (this.#expiresAt !== Number.POSITIVE_INFINITY) this.#expiries.delete(this.#expiresAt, this.request);
  }
}
