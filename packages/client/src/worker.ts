import { EventEmitter } from 'node:events';
import { receive, type Settled, saveGroup, settle } from './api.js';
import { Backoff } from './backoff.js';
import type { AnyEvent, EventHeader, PlainListener } from './channel-types.js';
import { checkStart, checkText, integer, wrong } from './checks.js';
import { emitSafely } from './emit-safely.js';
import { RequestError } from './errors.js';
import { type GroupSettings, givenSettings } from './group-settings.js';
import { type Delivery, HeldEvent } from './held-event.js';
import type { ResolvedOptions } from './options.js';
import { type Pace, paceOf } from './pace.js';
import type { RunningWork } from './running-work.js';
import { type Pending, Settlements } from './settlements.js';
import type { Tracing } from './tracing.js';

/** Options of `client.work`. The settings are those of the group, for all of its workers. */
export interface WorkOptions extends GroupSettings {
  /** The group that shares the work. Each event is handled by one of its workers. */
  group: string;
  /** How many handlers of this worker may run at a time. Default 1. */
  concurrency?: number | undefined;
  /**
   * Where the group begins if there is none yet: `'first'`, with the first event; `'new'`, behind the newest one; a time (a `Date`,
   * milliseconds since the Unix epoch, or ISO 8601), with the first event at or after that time. Default `'first'`.
   */
  start?: 'first' | 'new' | number | string | Date | undefined;
}

/** Handles an event, which is acknowledged when what it returns resolves, and given back when that rejects. */
export type WorkHandler<E> = (event: E, delivery: Delivery) => unknown;

/** What the listeners of a worker get. */
export interface WorkerListeners<E> {
  /** The handler of an event has failed, or its lease was lost (code `LeaseLost`): it is delivered again, or is a dead letter. */
  failed: (event: E, error: unknown) => void;
  /** An event is a dead letter: it was rejected, or this was its last delivery. */
  dead: (event: E) => void;
  /** A request failed; it is made again. */
  error: (error: RequestError) => void;
}

/** What a worker needs of its client. */
export interface WorkerHost {
  readonly clientId: string;
  readonly options: ResolvedOptions;
  readonly tracing: Tracing;
  readonly activity: RunningWork;
  /** The worker has closed. */
  closed(): void;
}

const MAX_CONCURRENCY = 1_000;
/** Events that are to be begun within so many milliseconds are fetched before there is a handler for them. */
const PREFETCH_MS = 20;
/** Most events that wait for a handler. If more handlers may run at a time: as many. */
const MAX_PREFETCHED = 100;
/** What has waited for a handler for so long, or for half of its lease, is given back: other workers may have one. Milliseconds. */
const MAX_WAIT_MS = 1_000;
/** How much the time of the last handler counts in the mean. */
const WEIGHT = 0.1;
/** So long may a request wait for events that tells what was acknowledged: what has come of that is known then. Milliseconds. */
const MAX_TELLING_MS = 1_000;
/** The answer to a request that is so young may be under way, with events in it, when the worker closes. Milliseconds. */
const CLOSE_GRACE_MS = 200;

/**
 * One of those who share the events of a channel as a group. While it is open it asks for as many events as it has handlers for,
 * and calls the handler for each.
 *
 * What was finished is told the server together with the next request for events, or else in a request of its own, with all that
 * has come to be told while the one before was under way. Leases are extended for as long as a handler runs.
 */
export class Worker<E = AnyEvent & EventHeader> extends EventEmitter {
  readonly channel: string;
  readonly group: string;
  readonly #host: WorkerHost;
  readonly #handler: WorkHandler<E>;
  readonly #concurrency: number;
  readonly #start: string | undefined;
  readonly #settings: GroupSettings | undefined;
  /** Whether the group has the settings, as far as is known. They are saved before events are asked for. */
  #isSaved: boolean;
  readonly #pace: Pace;
  readonly #settlements: Settlements;
  /** Those that wait for a handler. */
  #waiting: HeldEvent[] = [];
  readonly #running = new Set<HeldEvent>();
  /** How long a handler takes, milliseconds; undefined until one has ended. */
  #meanMs: number | undefined;
  /** While a request for events is under way: when it began, on the clock of `performance.now()`. */
  #receivingSince: number | undefined;
  #isSettling = false;
  #isScheduled = false;
  #pause: NodeJS.Timeout | undefined;
  #leaseTimer: NodeJS.Timeout | undefined;
  /** When the leases are looked after the next time, on the clock of `performance.now()`. */
  #watchedAt = Number.POSITIVE_INFINITY;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  /** Ends the request for events. */
  readonly #endReceive = new AbortController();
  /** Ends telling the server anything. */
  readonly #endTelling = new AbortController();
  #closeTimer: NodeJS.Timeout | undefined;
  #whenIdle: (() => void) | undefined;

  /** Use `client.work`. @throws TypeError that names what is wrong with the options */
  constructor(host: WorkerHost, channel: string, options: WorkOptions, handler: WorkHandler<E>) {
    super();
    if (typeof options !== 'object' || options === null) throw wrong('options', 'an object', options);
    checkText('group', options.group);
    if (typeof handler !== 'function') throw wrong('handler', 'a function', handler);
    this.channel = channel;
    this.group = options.group;
    this.#host = host;
    this.#handler = handler;
    this.#concurrency = integer('concurrency', options.concurrency, 1, 1, MAX_CONCURRENCY);
    this.#start = checkStart(options.start);
    this.#settings = givenSettings(options);
    this.#isSaved = this.#settings === undefined;
    this.#pace = paceOf(host.options.backoff);
    this.#settlements = new Settlements(
      { settled: (pending, result) => this.#settled(pending, result) },
      new Backoff(host.options.backoff),
    );
    host.activity.begin();
    this.#schedule();
  }

  override on<Name extends keyof WorkerListeners<E>>(name: Name, listener: WorkerListeners<E>[Name]): this {
    return super.on(name, listener as PlainListener);
  }

  override once<Name extends keyof WorkerListeners<E>>(name: Name, listener: WorkerListeners<E>[Name]): this {
    return super.once(name, listener as PlainListener);
  }

  /**
   * Takes no more events, gives back those that no handler has begun, without a count, and waits for the handlers that run. Then tells
   * the server what they have finished, for at most `closeTimeoutMs`. Calling it again gives the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Once all handlers that end in this turn have. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.#proceed();
    });
  }

  /** Makes the requests that are to be made now. */
  #proceed(): void {
    clearTimeout(this.#pause);
    const pausesMs: number[] = [];
    if (!this.#isClosed && this.#receivingSince === undefined && this.#room > 0) {
      const { pauseMs } = this.#pace;
      if (pauseMs <= 0) void this.#receive();
      else pausesMs.push(pauseMs);
    }
    if (!this.#isSettling && !this.#settlements.isEmpty) {
      const { pauseMs } = this.#settlements;
      if (pauseMs <= 0) void this.#settle();
      else pausesMs.push(pauseMs);
    }
    if (this.#isClosed && this.#running.size === 0) this.#conclude();
    else if (pausesMs.length > 0) this.#pause = setTimeout(() => this.#proceed(), Math.min(...pausesMs));
  }

  /** How many events it has a use for. */
  get #room(): number {
    return this.#concurrency + this.#prefetched - this.#running.size - this.#waiting.length;
  }

  /** How many events may wait for a handler: none if handlers take long, since others may have one. */
  get #prefetched(): number {
    if (this.#meanMs === undefined) return 0;
    const begun = (this.#concurrency * PREFETCH_MS) / Math.max(this.#meanMs, 0.001);
    return Math.min(Math.floor(begun), Math.max(MAX_PREFETCHED, this.#concurrency));
  }

  /**
   * Asks for events, and tells on the way what is to be told: the server does that first. It waits little then, and not at all if
   * something else than acknowledgements is told: what comes of that is wanted.
   */
  async #receive(): Promise<void> {
    const startedAt = performance.now();
    this.#receivingSince = startedAt;
    let taken: Pending[] = [];
    try {
      while (!this.#isSaved) await this.#saveSettings();
      const { isRefused, pauseMs } = this.#settlements;
      if (!isRefused && pauseMs <= 0) taken = this.#settlements.take();
      const { clientId, options } = this.#host;
      const waitMs = Math.min(options.pollTimeoutMs, longestWaitMs(taken));
      const { events, settled } = await receive(options, {
        channel: this.channel,
        group: this.group,
        clientId,
        limit: this.#room,
        start: this.#start,
        settlements: taken.map(({ settlement }) => settlement),
        waitMs,
        timeoutMs: waitMs + options.pollGraceMs,
        signal: this.#endReceive.signal,
      });
      this.#pace.succeeded(startedAt, events.length + taken.length);
      this.#settlements.told(taken, settled);
      this.#host.tracing.received(this.channel, events, this.group);
      const now = performance.now();
      for (const event of events) this.#waiting.push(new HeldEvent(event, now));
      if (this.#isClosed) this.#giveBack();
      else this.#begin();
      this.#watchLeases();
    } catch (error) {
      if (!this.#settlements.failed(taken, error)) {
        this.#pace.failed(error);
        this.#failed(error);
      }
    } finally {
      this.#receivingSince = undefined;
      this.#schedule();
    }
  }

  async #saveSettings(): Promise<void> {
    const { options } = this.#host;
    // Before the request: if the group turns out to be gone meanwhile, it may have been deleted after it was saved.
    this.#isSaved = true;
    try {
      await saveGroup(options, {
        channel: this.channel,
        group: this.group,
        start: this.#start,
        settings: this.#settings ?? {},
        timeoutMs: options.pollGraceMs,
        signal: this.#endReceive.signal,
      });
    } catch (error) {
      this.#isSaved = false;
      throw error;
    }
  }

  async #settle(): Promise<void> {
    const taken = this.#settlements.take();
    if (taken.length === 0) return;
    this.#isSettling = true;
    const { options } = this.#host;
    try {
      const settled = await settle(options, {
        channel: this.channel,
        group: this.group,
        settlements: taken.map(({ settlement }) => settlement),
        timeoutMs: options.pollGraceMs,
        signal: this.#endTelling.signal,
      });
      this.#settlements.told(taken, settled);
    } catch (error) {
      if (!this.#settlements.failed(taken, error)) this.#failed(error);
    } finally {
      this.#isSettling = false;
      this.#schedule();
    }
  }

  /** A request has failed, or a part of it. */
  #failed(error: unknown): void {
    if (error instanceof RequestError && error.code === 'Closed') return;
    // The group is gone. Who asks for events now would create it, with the defaults.
    if (error instanceof RequestError && error.statusCode === 404)
      this.#isSaved = this.#settings === undefined;
    void emitSafely(this, 'error', error);
  }

  /** Calls as many handlers as may run. */
  #begin(): void {
    while (this.#running.size < this.#concurrency) {
      const held = this.#waiting.shift();
      if (held === undefined) return;
      if (held.lost === undefined) this.#run(held);
    }
  }

  #run(held: HeldEvent): void {
    this.#running.add(held);
    const startedAt = performance.now();
    const span = this.#host.tracing.process(this.channel, held.event, this.group);
    const handle = () => this.#handler(held.event as E, held);
    // Whatever goes wrong with the handler, or with what it returns, rejects this.
    new Promise((resolve) => resolve(span === undefined ? handle() : span.run(handle))).then(
      () => {
        span?.end();
        this.#ended(held, startedAt, undefined);
      },
      (error: unknown) => {
        span?.end(error);
        this.#ended(held, startedAt, { error });
      },
    );
  }

  #ended(held: HeldEvent, startedAt: number, failure: { readonly error: unknown } | undefined): void {
    this.#running.delete(held);
    held.isFinished = true;
    const tookMs = performance.now() - startedAt;
    this.#meanMs = this.#meanMs === undefined ? tookMs : this.#meanMs + WEIGHT * (tookMs - this.#meanMs);
    const { lost } = held;
    if (lost === undefined) this.#settlements.add(held, held.settlement(failure));
    if (failure !== undefined) void emitSafely(this, 'failed', held.event, failure.error);
    else if (lost !== undefined) void emitSafely(this, 'failed', held.event, lost);
    if (!this.#isClosed) this.#begin();
    this.#schedule();
  }

  /** The server has done what it was told of an event, or has not. */
  #settled({ held, settlement, maybeTold, toldAt }: Pending, result: Settled): void {
    const { kind } = settlement;
    if (result instanceof RequestError) {
      this.#failed(result);
    } else if (kind === 'extend') {
      if (held.isFinished) return;
      if (result === 'stale') held.lose('its lease has ended');
      else held.extended(toldAt);
    } else if (result === 'stale') {
      held.lose('its lease had ended before the server was told');
      if (kind === 'acknowledge' && !maybeTold) void emitSafely(this, 'failed', held.event, held.lost);
    } else if (held.isDeadAfter(settlement)) {
      void emitSafely(this, 'dead', held.event);
    }
  }

  /** What no handler has begun is for others to have. */
  #giveBack(): void {
    for (const held of this.#waiting.splice(0)) this.#settlements.add(held, held.returned);
  }

  /** Looks after the leases when it is time for that. */
  #watchLeases(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const held of this.#waiting) next = Math.min(next, waitsUntil(held));
    for (const held of this.#running) if (held.lost === undefined) next = Math.min(next, held.dueAt);
    if (next >= this.#watchedAt) return;
    clearTimeout(this.#leaseTimer);
    this.#watchedAt = next;
    const delayMs = Math.max(1, Math.ceil(next - performance.now()));
    this.#leaseTimer = setTimeout(() => {
      this.#watchedAt = Number.POSITIVE_INFINITY;
      this.#keepLeases();
      this.#watchLeases();
    }, delayMs);
  }

  /** Extends what is running, together, and gives back what has waited for too long. */
  #keepLeases(): void {
    const now = performance.now();
    if (this.#waiting.some((held) => now >= waitsUntil(held))) {
      this.#meanMs = Math.max(this.#meanMs ?? 0, MAX_WAIT_MS);
      this.#giveBack();
    }
    for (const held of this.#running) {
      if (held.lost !== undefined || !held.isExtensible(now)) continue;
      held.isExtending = true;
      this.#settlements.add(held, held.extension);
    }
    this.#schedule();
  }

  async #shutDown(): Promise<void> {
    this.#isClosed = true;
    this.#giveBack();
    const ageMs = performance.now() - (this.#receivingSince ?? 0);
    const grace = setTimeout(() => this.#endReceive.abort(), Math.max(0, CLOSE_GRACE_MS - ageMs));
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      this.#schedule();
    });
    for (const timer of [grace, this.#closeTimer, this.#leaseTimer, this.#pause]) clearTimeout(timer);
    this.#host.closed();
    this.#host.activity.end();
  }

  /** It is closed and no handler runs: what is left is to tell the server, if that is possible in time. */
  #conclude(): void {
    this.#closeTimer ??= setTimeout(() => {
      this.#endTelling.abort();
      this.#schedule();
    }, this.#host.options.closeTimeoutMs);
    if (this.#receivingSince !== undefined || this.#isSettling) return;
    if (this.#settlements.isEmpty || this.#endTelling.signal.aborted) this.#whenIdle?.();
    else this.#pause = setTimeout(() => this.#proceed(), Math.max(0, this.#settlements.pauseMs));
  }
}

/** How long a request may wait for events that tells these. */
function longestWaitMs(told: readonly Pending[]): number {
  if (told.length === 0) return Number.POSITIVE_INFINITY;
  return told.every(({ settlement }) => settlement.kind === 'acknowledge') ? MAX_TELLING_MS : 0;
}

/** When it is given back if it still waits for a handler. */
function waitsUntil({ heldSince, leaseMs }: HeldEvent): number {
  return heldSince + Math.min(MAX_WAIT_MS, leaseMs / 2);
}
