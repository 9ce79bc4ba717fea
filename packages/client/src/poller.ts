import type { Event } from '@ganomede/events-protocol';
import { type Backoff, sleep } from './backoff.js';
import { Cursor } from './cursor.js';
import { CycleCursor } from './cycle-cursor.js';
import { RequestError } from './errors.js';
import type { EventPage } from './event-page.js';
import { LossDetector } from './lost-events.js';
import type { WhenRejected } from './options.js';
import type { Pace } from './pace.js';
import { textOf } from './text-of.js';

/** What a poller needs from its client. */
export interface PollerHost {
  /** The client was closed: nothing is to be emitted any more. */
  readonly closed: boolean;
  /** Whether the channel has handlers (and the client is open). */
  isListening(channel: string): boolean;
  /** Reads behind the cursor, waiting for the next event; fails with the code `Closed` if nobody listens any more. */
  read(cursor: Cursor): Promise<EventPage>;
  /** Whether an error will perhaps be over soon, and is not to be told yet. */
  isTolerable(error: unknown): boolean;
  /** Emits; if a handler threw, what is returned resolves once the error has surfaced. */
  emitSafely(name: string, ...args: unknown[]): Promise<void> | undefined;
  /** Calls the handlers of a channel, see call-handlers.ts. */
  callHandlers(channel: string, event: Event): Promise<unknown[]> | undefined;
  /** What becomes of an event whose handlers' promises are rejected. */
  readonly whenRejected: WhenRejected;
  /** The poller begins to run. */
  started(): void;
  /** The poller has stopped; no request of it is left. */
  stopped(): void;
}

/**
 * Reads one channel for as long as it has handlers, a page at a time, and remembers how far it came.
 *
 * The cursor is behind the last event that was received: its handlers have been called, and the promises that they returned have
 * resolved. Whatever happens to the rest of a reply (no handler is left, the client is closed), the next request brings it again.
 */
export class Poller {
  readonly #host: PollerHost;
  readonly #pace: Pace;
  /** After rejections of handlers. */
  readonly #handlerBackoff: Backoff;
  readonly #losses = new LossDetector();
  #cursor: Cursor;
  /** The `after` that the server was told, or is about to be. */
  #acknowledged: number | undefined;
  #run: Promise<void> | undefined;
  #pause = new AbortController();
  /** Ends the wait for the promises of handlers. */
  #giveUp: (() => void) | undefined;

  constructor(host: PollerHost, cursor: Cursor, pace: Pace, handlerBackoff: Backoff) {
    this.#host = host;
    this.#cursor = cursor;
    this.#pace = pace;
    this.#handlerBackoff = handlerBackoff;
  }

  /** Behind the last event that was received. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /** Somebody else has read the channel up to there, and said so to the server. Only while nothing listens. */
  moveTo(cursor: Cursor): void {
    this.#cursor = this.#at(cursor.after, cursor.epoch);
    this.#acknowledged = cursor.after;
  }

  /** To be called after a handler was added or removed. */
  handlersChanged(): void {
    if (!this.#isListening()) {
      this.#pause.abort();
    } else if (!this.#run) {
      this.#host.started();
      this.#run = this.#poll();
    }
  }

  /** Resolves once no request is left, with the cursor if the server may not know it yet. */
  async unacknowledged(): Promise<Cursor | undefined> {
    await this.#run;
    return this.#cursor.after === this.#acknowledged ? undefined : this.#cursor;
  }

  /** The promises of handlers are not waited for any more: their event is not received. Only while nothing listens. */
  giveUp(): void {
    this.#giveUp?.();
  }

  #isListening(): boolean {
    return this.#host.isListening(this.#cursor.channel);
  }

  #at(after: number | undefined, epoch: string | undefined): Cursor {
    const { channel, limit, start } = this.#cursor;
    return new Cursor(channel, { after, limit, epoch, start });
  }

  async #poll(): Promise<void> {
    // Handlers that are added and removed in the same tick make no request.
    await undefined;
    // Nothing may be awaited between the last look at the handlers and `#run = undefined`: one that is added in between
    // would find a poller that seems to run.
    while (this.#isListening()) {
      const { pauseMs } = this.#pace;
      if (pauseMs > 0) {
        this.#pause = new AbortController();
        await sleep(pauseMs, this.#pause.signal);
      } else {
        await this.#cycle();
      }
    }
    this.#run = undefined;
    this.#host.stopped();
  }

  async #cycle(): Promise<void> {
    const finished = this.#cursor;
    const startedAt = performance.now();
    let page: EventPage;
    try {
      page = await this.#host.read(finished);
    } catch (error) {
      return this.#failed(error, finished);
    }
    this.#acknowledged = finished.after;
    this.#pace.succeeded(startedAt, page.events.length);

    // What comes when nobody listens any more is discarded, losses too: the next reply shows them again.
    if (this.#isListening()) await this.#reportLoss(page, finished);
    for (const event of page.events) {
      if (!this.#isListening()) break;
      const before = this.#cursor;
      const behind = this.#at(event.id, page.epoch);
      // Before it is emitted: handlers that throw have seen it all the same.
      this.#cursor = behind;
      const handled = this.#host.callHandlers(finished.channel, event);
      if (handled === undefined) continue;
      this.#cursor = before;
      if (!(await this.#isReceived(event, handled))) break;
      // Unless a stream has read the channel meanwhile.
      if (this.#cursor === before) this.#cursor = behind;
    }
    await this.#emitCycle(finished);
  }

  /** Whether the promises of all handlers resolve in the end. `handled`: those of the first call. */
  async #isReceived(event: Event, handled: Promise<unknown[]>): Promise<boolean> {
    const { channel } = this.#cursor;
    for (let running: typeof handled | undefined = handled; running !== undefined; ) {
      const reasons = await this.#orGivenUp(running);
      if (reasons === undefined) return false;
      for (const reason of reasons) {
        await this.#host.emitSafely('error', handlerRejected(channel, event, reason), channel);
      }
      if (reasons.length === 0 || this.#host.whenRejected === 'skip') break;
      this.#pause = new AbortController();
      if (this.#isListening()) await sleep(this.#handlerBackoff.next(), this.#pause.signal);
      if (!this.#isListening()) return false;
      running = this.#host.callHandlers(channel, event);
    }
    this.#handlerBackoff.reset();
    return true;
  }

  async #orGivenUp(handled: Promise<unknown[]>): Promise<unknown[] | undefined> {
    const givenUp = new Promise<undefined>((resolve) => {
      this.#giveUp = () => resolve(undefined);
    });
    const reasons = await Promise.race([handled, givenUp]);
    this.#giveUp = undefined;
    return reasons;
  }

  async #reportLoss(page: EventPage, { channel, after }: Cursor): Promise<void> {
    const loss = this.#losses.lossOf(after, page);
    if (page.rewind) this.#cursor = this.#at(page.rewind.to, page.epoch);
    if (loss) await this.#host.emitSafely('error', loss, channel);
  }

  async #failed(error: unknown, finished: Cursor): Promise<void> {
    if (this.#host.closed) return;
    if (isClosed(error)) return this.#emitCycle(finished);
    this.#pace.failed(error);
    if (this.#isListening() && this.#host.isTolerable(error)) return;
    // Nobody is waiting for what a request brings that outlived the last handler; an error that nobody handles would end
    // the process.
    if (this.#isListening()) await this.#host.emitSafely('error', error, finished.channel);
    await this.#emitCycle(finished);
  }

  async #emitCycle(finished: Cursor): Promise<void> {
    if (this.#host.closed) return;
    const cycle = { finished: CycleCursor.of(finished), next: CycleCursor.of(this.#cursor) };
    await this.#host.emitSafely('cycle', cycle, finished.channel);
  }
}

/** Whether a read was ended because nobody waits for it. */
function isClosed(error: unknown): boolean {
  return error instanceof RequestError && error.code === 'Closed';
}

function handlerRejected(channel: string, { id }: Event, cause: unknown): RequestError {
  return new RequestError(`A handler of ${JSON.stringify(channel)} rejected event ${id}: ${textOf(cause)}`, {
    code: 'HandlerRejected',
    maybeProcessed: true,
    cause,
  });
}
