import type { EventBatch } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import type { RunningPoll } from '../plugins/waiting-requests.js';
import { sendBatch } from './json.js';

/**
 * Answers a poll, once, when it has its events and the cursor is saved. An object and not an async function, as tens of
 * thousands may wait at once and a function that awaits takes three times as much memory.
 */
export class PollAnswer {
  readonly #reply: FastifyReply;
  readonly #running: RunningPoll;
  readonly #metrics: Metrics;
  #batch: EventBatch | undefined;
  #saved = false;
  #sent = false;

  constructor(reply: FastifyReply, running: RunningPoll, metrics: Metrics) {
    this.#reply = reply;
    this.#running = running;
    this.#metrics = metrics;
  }

  /** Answers with what the poll finds, or why it failed. */
  waitFor(polling: Promise<EventBatch>): void {
    polling.then(
      (batch) => {
        this.#batch = batch;
        this.#sendIfComplete();
      },
      (error: unknown) => this.fail(error),
    );
  }

  /** The cursor of this poll is saved. */
  saved(): void {
    this.#saved = true;
    this.#sendIfComplete();
  }

  /** Ends the poll too where it still waits. */
  fail(error: unknown): void {
    if (this.#sent) return;
    this.#sent = true;
    this.#running.abort();
    this.#running.end();
    this.#reply.send(error instanceof Error ? error : new Error(String(error)));
  }

  #sendIfComplete(): void {
    const batch = this.#batch;
    if (batch === undefined || !this.#saved || this.#sent) return;
    try {
      sendBatch(this.#reply, batch);
      this.#sent = true;
      this.#running.end();
      this.#metrics.delivered.inc(batch.count);
    } catch (error) {
      this.fail(error);
    }
  }
}
