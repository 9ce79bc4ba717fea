import { randomUUID } from 'node:crypto';
import type { EventHeader } from '@ganomede/events-protocol';
import * as api from './api.js';
import { Backoff, sleep } from './backoff.js';
import { mayYetSucceed, orEarlier, RequestError } from './errors.js';
import { untraced } from './open-telemetry.js';
import type { Server } from './options.js';
import { attemptMs, gaveUp, overIn } from './retry.js';
import { arranged, Sending, SharedAppend } from './sending.js';

/** Bounds of what shares a request: those of a server that is set up as it comes, with room for the rest of the body. */
const MAX_EVENTS = 1_000;
const MAX_TEXT = 256 * 1024;
/** After a server has turned out not to know grouped requests it is asked again after this, milliseconds. */
const SINGLE_MS = 60_000;

/** A channel whose appends the server cannot store now. */
interface Held {
  readonly backoff: Backoff;
  /** On the clock of `performance.now()`. */
  until: number;
}

/** What is sent as one append. */
type Queued = Sending | SharedAppend;

/**
 * The sends of one client, in the order of their calls: one request at a time, with everything that has come while the one
 * before was under way. What is alone goes as `POST /events`, what is not as `POST /appends`, where all that was sent to one
 * channel is one append. A server that does not know that gets single requests, one at a time for each channel.
 *
 * What fails and may yet succeed is sent again, before anything that came later for its channel; as the same append if it may be
 * stored. Of an append of several sends that is refused each is sent by itself, so that only what is wrong fails. Other channels
 * wait only if it was the request that failed.
 */
export class Sender {
  readonly #server: Server;
  readonly #clientId: string;
  readonly #signal: AbortSignal;
  readonly #backoff: Backoff;
  /** By lane. */
  readonly #held = new Map<string, Held>();
  #queue: Queued[] = [];
  #running = false;
  /** While everything that is queued is held: ends the wait. */
  #wake: AbortController | undefined;
  #expiry: NodeJS.Timeout | undefined;
  /** Length of the texts that share a request; less if the server takes less. */
  #maxText = MAX_TEXT;
  /** Until when the server gets single requests, on the clock of `performance.now()`. */
  #singleUntil = 0;

  /** When `signal` aborts everything fails with the code `Closed`. */
  constructor(server: Server, clientId: string, signal: AbortSignal) {
    this.#server = server;
    this.#clientId = clientId;
    this.#signal = signal;
    this.#backoff = new Backoff(server.backoff);
    signal.addEventListener('abort', () => this.#wake?.abort());
  }

  /** Resolves with the headers of its events. @throws RequestError (as a rejection) */
  send(append: api.Append): Promise<EventHeader[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push(new Sending(append, resolve, reject));
      this.#wake?.abort();
      if (!this.#running) void untraced(() => this.#run());
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (;;) {
      // What was sent in this turn shares a request, and so does what comes of the answers to the last one.
      await new Promise((resolve) => process.nextTick(resolve));
      if (this.#queue.length === 0) break;
      const taken = this.#take();
      this.#expireQueued();
      if (taken.length === 0) {
        await this.#untilReady();
        continue;
      }
      const pauseMs = await this.#exchange(taken);
      if (pauseMs > 0) {
        this.#expireQueued();
        await sleep(pauseMs, this.#signal);
      }
    }
    this.#running = false;
  }

  get #isSingle(): boolean {
    return performance.now() < this.#singleUntil;
  }

  /** What the next request is made of, in the order in which it stands there. */
  #take(): Queued[] {
    const isSingle = this.#isSingle;
    const taken: Queued[] = [];
    let rest: Queued[] = [];
    /** Of these lanes nothing more is taken. */
    const closed = new Set<string>();
    for (const lane of this.#held.keys()) if (!this.#isReady(lane)) closed.add(lane);
    let events = 0;
    let length = 0;
    for (const [i, queued] of this.#queue.entries()) {
      if (events >= MAX_EVENTS && !isSingle) {
        rest = rest.concat(this.#queue.slice(i));
        break;
      }
      const { lane } = queued;
      const fits =
        taken.length === 0 ||
        (events + queued.count <= MAX_EVENTS && length + queued.length <= this.#maxText);
      if (closed.has(lane) || !(fits || isSingle)) {
        closed.add(lane);
        rest.push(queued);
        continue;
      }
      events += queued.count;
      length += queued.length;
      taken.push(queued);
      if (isSingle) closed.add(lane);
    }
    this.#queue = rest;
    return isSingle ? taken : arranged(taken);
  }

  #isReady(lane: string): boolean {
    const held = this.#held.get(lane);
    return held === undefined || held.until <= performance.now() || this.#signal.aborted;
  }

  /** Resolves once something that is queued is no longer held, or something comes. */
  async #untilReady(): Promise<void> {
    let until = Number.POSITIVE_INFINITY;
    for (const { lane } of this.#queue) until = Math.min(until, this.#held.get(lane)?.until ?? 0);
    if (this.#queue.length === 0) return;
    this.#wake = new AbortController();
    await sleep(Math.max(0, Math.ceil(until - performance.now())), this.#wake.signal);
    this.#wake = undefined;
  }

  /** How long a lane is held after an append to it has failed, milliseconds. */
  #hold(lane: string, error: RequestError): number {
    const held = this.#held.get(lane) ?? { backoff: new Backoff(this.#server.backoff), until: 0 };
    this.#held.set(lane, held);
    const now = performance.now();
    if (held.until <= now) held.until = now + held.backoff.next(error);
    return held.until - now;
  }

  /** Settles what can be settled, and puts back what is to be sent again; resolves with how long to wait before that, milliseconds. */
  async #exchange(taken: readonly Queued[]): Promise<number> {
    const { outcomes, failure } = await this.#attempt(taken);
    const isShared = taken.length > 1 || taken[0] instanceof SharedAppend;
    // What may be stored stays what it is: sent again it would be as large.
    const isDivisible = taken.length > 1 || taken[0]?.maybeProcessed === false;
    if (failure && isShared && this.#isNotGrouped(failure, isDivisible)) {
      this.#putBack(taken);
      return 0;
    }
    const isAway = failure !== undefined && isRetried(failure);
    const pauseMs = isAway ? this.#backoff.next(failure) : 0;
    if (!isAway) this.#backoff.reset();
    const again: Queued[] = [];
    for (const [i, queued] of taken.entries()) {
      const outcome = outcomes[i] as Outcome;
      if (!(outcome instanceof RequestError)) {
        this.#held.delete(queued.lane);
        queued.stored(outcome);
        continue;
      }
      const error = orEarlier(outcome, queued.maybeProcessed);
      queued.maybeProcessed = error.maybeProcessed;
      if (isRetried(error)) {
        const delayMs = isAway ? pauseMs : this.#hold(queued.lane, error);
        for (const sending of queued.sendings) this.#giveUpIfOver(sending, error, delayMs);
        again.push(queued);
      } else if (queued instanceof SharedAppend && failure === undefined && !error.maybeProcessed) {
        // Nothing of it is stored, and nothing behind it: an append of several is the last of its lane in a request.
        for (const sending of queued.sendings) sending.key = randomUUID();
        again.push(queued);
      } else for (const sending of queued.sendings) sending.failed(error);
    }
    this.#putBack(again);
    return pauseMs;
  }

  /** What became of each, in their order. `failure`: the request failed, and not what it asked for. */
  async #attempt(taken: readonly Queued[]): Promise<{ outcomes: Outcome[]; failure?: RequestError }> {
    const now = performance.now();
    const { sendTimeoutMs } = this.#server;
    const leftMs = ({ startedAt }: Sending) => Math.max(1, Math.ceil(startedAt + sendTimeoutMs - now));
    const sendings = taken.flatMap((queued) => queued.sendings);
    const timeoutMs = attemptMs(sendTimeoutMs, leftMs(sendings.at(-1) as Sending));
    // The others have more time than those that have tried for long already.
    const timers = sendings
      .filter((sending) => leftMs(sending) < timeoutMs)
      .map((sending) => setTimeout(() => this.#expire(sending, true), leftMs(sending)));
    const options = { clientId: this.#clientId, timeoutMs, signal: this.#signal };
    for (const sending of sendings) sending.attempts += 1;
    const appends = taken.map((queued) => queued.append);
    try {
      const isAlone = taken.length === 1 && taken[0] instanceof Sending;
      if (isAlone || this.#isSingle) {
        const outcomes = await Promise.all(
          appends.map((append) => outcomeOf(api.appendOne(this.#server, append, options))),
        );
        const failure = outcomes.find((outcome) => outcome instanceof RequestError);
        return failure?.statusCode === undefined && failure ? { outcomes, failure } : { outcomes };
      }
      return { outcomes: await api.appendAll(this.#server, appends, options) };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return { outcomes: appends.map(() => error), failure: error };
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  /** Whether the server takes no grouped request, or none of this size: then the next one is another one. */
  #isNotGrouped({ statusCode, code }: RequestError, isDivisible: boolean): boolean {
    if (this.#isSingle) return false;
    if (statusCode === 404 || statusCode === 405) {
      this.#singleUntil = performance.now() + SINGLE_MS;
      return true;
    }
    if (!isDivisible || (statusCode !== 413 && code !== 'PayloadTooLarge')) return false;
    this.#maxText = Math.max(1, Math.floor(this.#maxText / 2));
    return true;
  }

  /** If its time is over before it could be sent again: an attempt that could only begin then helps nobody. */
  #giveUpIfOver(sending: Sending, error: RequestError, pauseMs: number): void {
    const { sendTimeoutMs: timeoutMs, outage } = this.#server;
    const { ms, bound } = overIn(error, { startedAt: sending.startedAt, timeoutMs, outage });
    if (pauseMs >= ms && !sending.isSettled) sending.failed(gaveUp(error, sending.attempts, bound));
  }

  /** Before what came later. What may be stored stays what it is, so that the server knows it again. */
  #putBack(taken: readonly Queued[]): void {
    const again = taken.flatMap((queued): Queued | Queued[] => {
      const unsettled = queued.sendings.filter(({ isSettled }) => !isSettled);
      return queued.maybeProcessed && unsettled.length > 0 ? queued : unsettled;
    });
    if (again.length > 0) this.#queue = [...again, ...this.#queue];
  }

  /** Lets those that wait in the queue fail when their time is over: the first comes first. */
  #expireQueued(): void {
    clearTimeout(this.#expiry);
    this.#expiry = undefined;
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      for (const sending of first.sendings) {
        if (sending.isSettled) continue;
        const leftMs = sending.startedAt + this.#server.sendTimeoutMs - performance.now();
        if (leftMs > 0) {
          this.#expiry = setTimeout(() => this.#expireQueued(), Math.ceil(leftMs));
          return;
        }
        this.#expire(sending, false);
      }
      this.#queue.shift();
    }
  }

  #expire(sending: Sending, isUnderWay: boolean): void {
    const { sendTimeoutMs } = this.#server;
    const error = new RequestError(`no answer within sendTimeoutMs ${sendTimeoutMs}`, {
      code: 'Timeout',
      maybeProcessed: isUnderWay || sending.maybeProcessed,
    });
    if (!sending.isSettled) sending.failed(gaveUp(error, sending.attempts, `sendTimeoutMs ${sendTimeoutMs}`));
  }
}

function isRetried(error: RequestError): boolean {
  return error.code !== 'Closed' && mayYetSucceed(error);
}

type Outcome = EventHeader[] | RequestError;

function outcomeOf(headers: Promise<EventHeader[]>): Promise<Outcome> {
  return headers.catch((error: unknown) => {
    if (error instanceof RequestError) return error;
    throw error;
  });
}
