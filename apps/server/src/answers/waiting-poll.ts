import type { EventBatch, EventStore, PollListener, PollSignal, ReadCursor } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import { sendPage } from './json.js';
import type { WaitingRequest, WaitingRequests } from './waiting-requests.js';

/** What a consumer asks for. */
export interface PollQuery {
  readonly clientId: string;
  readonly channel: string;
  /** Id of the last event that it has seen, to be saved as its cursor; undefined: read after the saved one. */
  readonly after: number | undefined;
  readonly limit: number;
  readonly timeoutMs: number;
}

/** What all polls of a server share. */
export interface PollContext {
  readonly store: Pick<EventStore, 'poll' | 'loadCursor' | 'saveCursor'>;
  readonly waitingRequests: WaitingRequests;
  readonly metrics: Pick<Metrics, 'delivered'>;
}

/**
 * One poll, from its query to its answer, which it gets once it has its events and its cursor is saved. While it waits
 * this object is all that the server holds of it, beside the request itself: tens of thousands may wait at a time, and
 * an async function that waits takes three times as much memory.
 */
export class WaitingPoll implements WaitingRequest, PollSignal {
  aborted = false;
  readonly #reply: FastifyReply;
  readonly #context: PollContext;
  #listeners: readonly PollListener[] = NONE;
  #page: EventBatch | undefined;
  #cursorSaved = false;
  #answered = false;

  constructor(reply: FastifyReply, context: PollContext) {
    this.#reply = reply;
    this.#context = context;
  }

  /** @throws TemporaryRefusal if too many wait already; whatever fails later is the answer. */
  start({ clientId, channel, after, limit, timeoutMs }: PollQuery): void {
    const { store, waitingRequests } = this.#context;
    waitingRequests.enter(this, this.#reply);
    const fail = (error: unknown) => this.#fail(error);
    if (after === undefined) {
      this.#cursorSaved = true;
      store
        .loadCursor(clientId, channel)
        .then((saved) => this.#wait({ channel, after: saved, limit }, timeoutMs), fail);
    } else {
      this.#wait({ channel, after, limit }, timeoutMs);
      // While the poll reads and waits: the answer needs both.
      store.saveCursor(clientId, channel, after).then(() => this.#saved(), fail);
    }
  }

  /** Ends the wait: the store then finds nothing. */
  stop(): void {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of this.#listeners) listener.handleEvent();
  }

  addEventListener(_type: 'abort', listener: PollListener): void {
    // Not by a spread, which leaves room for 16 more.
    this.#listeners = this.#listeners.concat(listener);
  }

  removeEventListener(_type: 'abort', listener: PollListener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  #wait(cursor: ReadCursor, timeoutMs: number): void {
    this.#context.store.poll(cursor, { timeoutMs, signal: this }).then(
      (page) => this.#found(page),
      (error: unknown) => this.#fail(error),
    );
  }

  #found(page: EventBatch): void {
    this.#page = page;
    this.#answerIfComplete();
  }

  #saved(): void {
    this.#cursorSaved = true;
    this.#answerIfComplete();
  }

  #answerIfComplete(): void {
    const page = this.#page;
    if (page === undefined || !this.#cursorSaved || this.#answered) return;
    try {
      sendPage(this.#reply, page);
      this.#answered = true;
      this.#context.waitingRequests.leave(this, this.#reply);
      this.#context.metrics.delivered.inc(page.count);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Ends the poll too if it still waits. */
  #fail(error: unknown): void {
    if (this.#answered) return;
    this.#answered = true;
    this.stop();
    this.#context.waitingRequests.leave(this, this.#reply);
    this.#reply.send(error instanceof Error ? error : new Error(String(error)));
  }
}

const NONE: readonly never[] = [];
