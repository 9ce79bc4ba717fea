import type { EventHeader } from '@ganomede/events-protocol';
import * as api from './api.js';
import { Backoff, sleep } from './backoff.js';
import { mayYetSucceed, orEarlier, RequestError } from './errors.js';
import type { Server } from './options.js';
import { attemptMs, gaveUp } from './retry.js';

/** Bounds of what shares a request: those of a server that is set up as it comes, with room for the rest of the body. */
const MAX_EVENTS = 1_000;
const MAX_TEXT = 256 * 1024;
/** After a server has turned out not to know grouped requests it is asked again after this, milliseconds. */
const SINGLE_MS = 60_000;

/** One append that waits for its answer. */
interface Sending {
  readonly append: api.Append;
  readonly startedAt: number;
  attempts: number;
  /** Whether any attempt may have been carried out. */
  maybeProcessed: boolean;
  readonly resolve: (headers: EventHeader[]) => void;
  readonly reject: (error: unknown) => void;
  settled: boolean;
}

/** A channel whose appends the server cannot store now. */
interface Held {
  readonly backoff: Backoff;
  /** On the clock of `performance.now()`. */
  until: number;
}

/**
 * The appends of one client, in the order of their calls: one request at a time, with everything that has come while the one
 * before was under way. What is alone goes as `POST /events`, what is not as `POST /appends`. A server that does not know that
 * gets single requests, one at a time for each channel.
 *
 * What fails and may yet succeed is sent again, before anything that came later for its channel. Other channels wait only if it
 * was the request that failed.
 */
export class Sender {
  readonly #server: Server;
  readonly #clientId: string;
  readonly #signal: AbortSignal;
  readonly #backoff: Backoff;
  /** By channel. */
  readonly #held = new Map<string, Held>();
  #queue: Sending[] = [];
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
      const startedAt = performance.now();
      this.#queue.push({
        append,
        startedAt,
        attempts: 0,
        maybeProcessed: false,
        resolve,
        reject,
        settled: false,
      });
      this.#wake?.abort();
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (;;) {
      // What was sent in this turn shares a request, and so does what comes of the answers to the last one.
      await new Promise((resolve) => process.nextTick(resolve));
      if (this.#queue.length === 0) break;
      const group = this.#take();
      this.#expireQueued();
      if (group.length === 0) {
        await this.#untilReady();
        continue;
      }
      const pauseMs = await this.#exchange(group);
      if (pauseMs > 0) {
        this.#expireQueued();
        await sleep(pauseMs, this.#signal);
      }
    }
    this.#running = false;
  }

  #take(): Sending[] {
    const isSingle = performance.now() < this.#singleUntil;
    const [taken, rest]: [Sending[], Sending[]] = [[], []];
    /** Of these channels nothing more is taken. */
    const closed = new Set<string>();
    let events = 0;
    let length = 0;
    for (const sending of this.#queue) {
      const { channel, count, text } = sending.append;
      if (!this.#isReady(channel)) closed.add(channel);
      const fits =
        taken.length === 0 || (events + count <= MAX_EVENTS && length + text.length <= this.#maxText);
      if (closed.has(channel) || !(fits || isSingle)) {
        closed.add(channel);
        rest.push(sending);
        continue;
      }
      events += count;
      length += text.length;
      taken.push(sending);
      if (isSingle) closed.add(channel);
    }
    this.#queue = rest;
    return taken;
  }

  #isReady(channel: string): boolean {
    const held = this.#held.get(channel);
    return held === undefined || held.until <= performance.now() || this.#signal.aborted;
  }

  /** Resolves once something that is queued is no longer held, or something comes. */
  async #untilReady(): Promise<void> {
    const untils = this.#queue.map(({ append }) => this.#held.get(append.channel)?.until ?? 0);
    if (untils.length === 0) return;
    this.#wake = new AbortController();
    await sleep(Math.max(0, Math.ceil(Math.min(...untils) - performance.now())), this.#wake.signal);
    this.#wake = undefined;
  }

  /** How long appends to a channel are held after one has failed, milliseconds. */
  #hold(channel: string, error: RequestError): number {
    const held = this.#held.get(channel) ?? { backoff: new Backoff(this.#server.backoff), until: 0 };
    this.#held.set(channel, held);
    const now = performance.now();
    if (held.until <= now) held.until = now + held.backoff.next(error);
    return held.until - now;
  }

  /** Settles what can be settled, and puts back what is to be sent again; resolves with how long to wait before that, milliseconds. */
  async #exchange(group: readonly Sending[]): Promise<number> {
    const outcomes = await this.#attempt(group);
    const failures = outcomes.filter((outcome) => outcome instanceof RequestError);
    const [failure] = failures;
    const isOfRequest = failure !== undefined && failedAsRequest(failure, outcomes);
    if (isOfRequest && group.length > 1 && this.#isNotGrouped(failure)) {
      this.#putBack(group);
      return 0;
    }
    const isAway = isOfRequest && isRetried(failure);
    const pauseMs = isAway ? this.#backoff.next(failure) : 0;
    if (!isAway) this.#backoff.reset();
    const again: Sending[] = [];
    for (const [i, sending] of group.entries()) {
      const outcome = outcomes[i] as Outcome;
      const { channel } = sending.append;
      if (!(outcome instanceof RequestError)) {
        this.#held.delete(channel);
        this.#settle(sending, () => sending.resolve(outcome));
        continue;
      }
      const error = orEarlier(outcome, sending.maybeProcessed);
      sending.maybeProcessed = error.maybeProcessed;
      if (!isRetried(error)) this.#settle(sending, () => sending.reject(error));
      else if (this.#isOver(sending, isAway ? pauseMs : this.#hold(channel, error))) {
        this.#giveUp(sending, error);
      } else again.push(sending);
    }
    this.#putBack(again);
    return pauseMs;
  }

  /** What became of each, in their order. */
  async #attempt(group: readonly Sending[]): Promise<Outcome[]> {
    const now = performance.now();
    const leftMs = (sending: Sending) =>
      Math.max(1, Math.ceil(sending.startedAt + this.#server.sendTimeoutMs - now));
    const timeoutMs = attemptMs(this.#server.sendTimeoutMs, leftMs(group.at(-1) as Sending));
    // The others have more time than those that have tried for long already.
    const timers = group
      .filter((sending) => leftMs(sending) < timeoutMs)
      .map((sending) => setTimeout(() => this.#expire(sending, true), leftMs(sending)));
    const options = { clientId: this.#clientId, timeoutMs, signal: this.#signal };
    for (const sending of group) sending.attempts += 1;
    try {
      if (group.length === 1 || performance.now() < this.#singleUntil) {
        const single = ({ append }: Sending) => outcomeOf(api.appendOne(this.#server, append, options));
        return await Promise.all(group.map(single));
      }
      const appends = group.map(({ append }) => append);
      return await api.appendAll(this.#server, appends, options);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return group.map(() => error);
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  /** Whether the server takes no grouped request, or none of this size: then the next one is another one. */
  #isNotGrouped({ statusCode, code }: RequestError): boolean {
    if (performance.now() < this.#singleUntil) return false;
    if (statusCode === 404 || statusCode === 405) {
      this.#singleUntil = performance.now() + SINGLE_MS;
      return true;
    }
    if (statusCode !== 413 && code !== 'PayloadTooLarge') return false;
    this.#maxText = Math.max(1, Math.floor(this.#maxText / 2));
    return true;
  }

  /** Whether its time is over before it could be sent again: an attempt that could only begin then helps nobody. */
  #isOver(sending: Sending, pauseMs: number): boolean {
    return performance.now() - sending.startedAt + pauseMs >= this.#server.sendTimeoutMs;
  }

  #giveUp(sending: Sending, error: RequestError): void {
    const failure = gaveUp(error, sending.attempts, this.#server.sendTimeoutMs);
    this.#settle(sending, () => sending.reject(failure));
  }

  #settle(sending: Sending, settle: () => void): void {
    if (sending.settled) return;
    sending.settled = true;
    settle();
  }

  /** Before what came later. */
  #putBack(group: readonly Sending[]): void {
    const unsettled = group.filter(({ settled }) => !settled);
    if (unsettled.length > 0) this.#queue = [...unsettled, ...this.#queue];
  }

  /** Lets those that wait in the queue fail when their time is over: the first comes first. */
  #expireQueued(): void {
    clearTimeout(this.#expiry);
    this.#expiry = undefined;
    const [next] = this.#queue;
    if (next === undefined) return;
    const leftMs = next.startedAt + this.#server.sendTimeoutMs - performance.now();
    if (leftMs > 0) {
      this.#expiry = setTimeout(() => this.#expireQueued(), Math.ceil(leftMs));
      return;
    }
    this.#queue.shift();
    this.#expire(next, false);
    this.#expireQueued();
  }

  #expire(sending: Sending, isUnderWay: boolean): void {
    const { sendTimeoutMs } = this.#server;
    const error = new RequestError(`no answer within sendTimeoutMs ${sendTimeoutMs}`, {
      code: 'Timeout',
      maybeProcessed: isUnderWay || sending.maybeProcessed,
    });
    this.#giveUp(sending, error);
  }
}

function isRetried(error: RequestError): boolean {
  return error.code !== 'Closed' && mayYetSucceed(error);
}

/** Whether it was the request that failed, and not what it asked for. */
function failedAsRequest(error: RequestError, outcomes: readonly Outcome[]): boolean {
  return (
    error.statusCode === undefined || (outcomes.length > 1 && outcomes.every((outcome) => outcome === error))
  );
}

type Outcome = EventHeader[] | RequestError;

function outcomeOf(headers: Promise<EventHeader[]>): Promise<Outcome> {
  return headers.catch((error: unknown) => {
    if (error instanceof RequestError) return error;
    throw error;
  });
}
