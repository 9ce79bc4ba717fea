import type { Start } from '@ganomede/events-protocol';
import { type ConsumerCursor, EventPage, type EventStore, headerOf, Poll } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import type { DirectAnswers } from './direct-answers.js';
import type { Waiting, WaitingRequest, WaitingRequests } from './waiting-requests.js';

/** What a consumer asks for. */
export interface PollQuery {
  readonly clientId: string;
  readonly channel: string;
  /** Id of the last event that it has seen, to be saved as its cursor; undefined: read after the saved one. */
  readonly after: number | undefined;
  /** The epoch of that event, if the consumer tells it. */
  readonly epoch: string | undefined;
  /** Where it begins if it has no saved cursor; undefined: with the first event. */
  readonly start: Start | undefined;
  readonly limit: number;
}

/** What all polls of a server share. */
export interface PollContext {
  readonly store: Pick<EventStore, 'start' | 'loadCursor' | 'saveCursor' | 'saveEpoch' | 'saveRewind'>;
  readonly waitingRequests: WaitingRequests;
  readonly metrics: Pick<Metrics, 'delivered'>;
  readonly answers: Pick<DirectAnswers, 'sendPage'>;
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
  #query: PollQuery | undefined;
  /** Where it reads: what it was asked for, or what was saved. */
  #cursor: ConsumerCursor = { after: 0, epoch: undefined };
  /** What is still being saved. */
  #saving = 0;
  #answered = false;

  /** `timeoutMs`: the longest wait, milliseconds. */
  constructor(reply: FastifyReply, context: PollContext, timeoutMs: number) {
    super(timeoutMs);
    this.#reply = reply;
    this.#context = context;
  }

  /** @throws TemporaryRefusal if too many wait already; whatever fails later is the answer. */
  answer(query: PollQuery): void {
    const { store, waitingRequests } = this.#context;
    const { clientId, channel, after, epoch, start } = query;
    this.#waiting = waitingRequests.enter(this, this.#reply);
    this.#query = query;
    if (after !== undefined && epoch !== undefined) {
      this.#read({ after, epoch });
      // While the poll reads and waits: the answer needs both.
      this.#save(store.saveCursor(clientId, channel, after, epoch));
      return;
    }
    const cursor =
      after === undefined
        ? store.loadCursor(clientId, channel, start)
        : store.saveCursor(clientId, channel, after);
    cursor.then(
      (known) => this.#read(known),
      (error: unknown) => this.failed(error),
    );
  }

  #read(cursor: ConsumerCursor): void {
    const { store } = this.#context;
    const { channel, limit } = this.#query as PollQuery;
    this.#cursor = cursor;
    store.start(this, { channel, after: cursor.after, epoch: cursor.epoch, limit });
  }

  override found(page: EventPage): void {
    this.#page = page;
    if (page.rewoundTo === undefined) this.#followEpoch(page);
    else this.#tellRewind(page);
    this.#answerIfComplete();
  }

  /** What it is given is of another epoch: its next cursor, if it tells no epoch, is judged by that. */
  #followEpoch({ epoch }: EventPage): void {
    const { clientId, channel } = this.#query as PollQuery;
    const { after } = this.#cursor;
    if (epoch === '' || epoch === this.#cursor.epoch) return;
    this.#save(this.#context.store.saveEpoch(clientId, channel, after, epoch));
  }

  /**
   * Whether a consumer that tells no epoch has got the answer is seen by its next cursor, which must not be the same. If it
   * can be no other, since there is but the one event, the event comes twice at most.
   */
  #tellRewind(page: EventPage): void {
    const { store } = this.#context;
    const { clientId, channel, epoch } = this.#query as PollQuery;
    const { after, rewoundInto } = this.#cursor;
    const last = page.texts.at(-1);
    const isAmbiguous = epoch === undefined && last !== undefined && headerOf(last).id === after;
    if (isAmbiguous && page.count > 1) {
      this.#page = new EventPage(page.texts.slice(0, -1), page, page.rewoundTo);
    } else if (isAmbiguous && rewoundInto === page.epoch) {
      this.#save(store.saveEpoch(clientId, channel, after, page.epoch));
      return;
    }
    if (this.rewoundFrom === undefined) return;
    this.#save(store.saveRewind(clientId, channel, after, this.rewoundFrom, page.epoch));
  }

  #save(saving: Promise<unknown>): void {
    this.#saving += 1;
    saving.then(
      () => {
        this.#saving -= 1;
        this.#answerIfComplete();
      },
      (error: unknown) => this.failed(error),
    );
  }

  #answerIfComplete(): void {
    const page = this.#page;
    if (page === undefined || this.#saving > 0 || this.#answered) return;
    try {
      this.#context.answers.sendPage(this.#reply, page, this.#cursor.after);
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
