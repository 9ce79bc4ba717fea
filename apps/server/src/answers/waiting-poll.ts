import { type EventPage, type EventStore, Poll } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import { sendPage } from './json.js';
import type { Waiting, WaitingRequest, WaitingRequests } from './waiting-requests.js';

/** What a consumer asks for. */
export interface PollQuery {
  readonly clientId: string;
  readonly channel: string;
  /** Id of the last event that it has seen, to be saved as its cursor; undefined: read after the saved one. */
  readonly after: number | undefined;
  /** The epoch of that event, if the consumer tells it. */
  readonly epoch: string | undefined;
  readonly limit: number;
}

/** What all polls of a server share. */
export interface PollContext {
  readonly store: Pick<EventStore, 'start' | 'loadCursor' | 'saveCursor'>;
  readonly waitingRequests: WaitingRequests;
  readonly metrics: Pick<Metrics, 'delivered'>;
}

/**
 * One poll, from its query to its answer, which it gets once it has its events and its cursor is saved. While it waits
 * this object is all that the server holds of it, beside the request itself: tens of thousands may wait at a time, and
 * an async function that waits takes three times as much memory.
 */
export class WaitingPoll extends Poll implements WaitingRequest {
  readonly #reply: FastifyReply;
  readonly #context: PollContext;
  #waiting: Waiting | undefined;
  #page: EventPage | undefined;
  /** Where it reads, by what it was asked for or what was saved. */
  #after = 0;
  /** Whose cursor it is, and the epoch that was saved with it, if the consumer does not tell it. */
  #judged:
    | { readonly clientId: string; readonly channel: string; readonly epoch: string | undefined }
    | undefined;
  #cursorSaved = false;
  #answered = false;

  /** `timeoutMs`: the longest wait, milliseconds. */
  constructor(reply: FastifyReply, context: PollContext, timeoutMs: number) {
    super(timeoutMs);
    this.#reply = reply;
    this.#context = context;
  }

  /** @throws TemporaryRefusal if too many wait already; whatever fails later is the answer. */
  answer({ clientId, channel, after, epoch, limit }: PollQuery): void {
    const { store, waitingRequests } = this.#context;
    this.#waiting = waitingRequests.enter(this, this.#reply);
    const fail = (error: unknown) => this.failed(error);
    if (after !== undefined && epoch !== undefined) {
      this.#after = after;
      store.start(this, { channel, after, epoch, limit });
      // While the poll reads and waits: the answer needs both.
      store.saveCursor(clientId, channel, after, epoch).then(() => this.#saved(), fail);
      return;
    }
    this.#cursorSaved = true;
    const saved =
      after === undefined ? store.loadCursor(clientId, channel) : store.saveCursor(clientId, channel, after);
    saved.then((cursor) => {
      this.#after = cursor.after;
      this.#judged = { clientId, channel, epoch: cursor.epoch };
      store.start(this, { channel, ...cursor, limit });
    }, fail);
  }

  override found(page: EventPage): void {
    this.#page = page;
    if (this.#judged !== undefined && page.epoch !== '' && page.epoch !== this.#judged.epoch) {
      // What it is given now is of another epoch, by which its next cursor is to be judged.
      const { clientId, channel } = this.#judged;
      const { store } = this.#context;
      this.#cursorSaved = false;
      store.saveCursor(clientId, channel, page.rewoundTo ?? this.#after, page.epoch).then(
        () => this.#saved(),
        (error: unknown) => this.failed(error),
      );
    }
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
      sendPage(this.#reply, page, this.#after);
      this.#answered = true;
      this.#waiting?.leave();
      this.#context.metrics.delivered.inc(page.count);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Ends the poll too if it still waits. */
  override failed(error: unknown): void {
    if (this.#answered) return;
    this.#answered = true;
    this.stop();
    this.#waiting?.leave();
    this.#reply.send(error instanceof Error ? error : new Error(String(error)));
  }
}
