import type { Settled } from './api.js';
import type { Backoff } from './backoff.js';
import { RequestError } from './errors.js';
import type { HeldEvent } from './held-event.js';
import type { Settlement } from './settlement.js';

/** Bounds of one request: how many, and how long their reasons are together, in characters. */
const MAX_BATCH = 1_000;
const MAX_REASONS = 100_000;

/** What the server is to be told of an event. */
export interface Pending {
  readonly held: HeldEvent;
  readonly settlement: Settlement;
  /** Whether it may have been told before: then it is `stale` the next time. */
  maybeTold: boolean;
  /** When the request began that tells it, on the clock of `performance.now()`. */
  toldAt: number;
}

/** What a settler tells its worker. */
export interface SettlementsHost {
  /** The server has done it, or will not. */
  settled(pending: Pending, result: Settled): void;
}

/**
 * What a server has yet to be told of the events of a worker. What fails is told again until the lease of the event has ended,
 * after which it is somebody else's. What the server refuses is told in halves, until what it does not take stands alone; that is
 * dropped.
 */
export class Settlements {
  readonly #host: SettlementsHost;
  readonly #backoff: Backoff;
  #pending: Pending[] = [];
  /** On the clock of `performance.now()`. */
  #notBefore = 0;
  /** How many of them the next request may tell: fewer after one that was refused. */
  #most = MAX_BATCH;

  constructor(host: SettlementsHost, backoff: Backoff) {
    this.#host = host;
    this.#backoff = backoff;
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0;
  }

  /** How long to wait after a failure, in milliseconds; 0 or less if nothing is to be waited for. */
  get pauseMs(): number {
    return this.#notBefore - performance.now();
  }

  /** Whether there is one among them that the server refuses. They are told in requests of their own until it is found. */
  get isRefused(): boolean {
    return this.#most < MAX_BATCH;
  }

  add(held: HeldEvent, settlement: Settlement): void {
    this.#pending.push({ held, settlement, maybeTold: false, toldAt: 0 });
  }

  /** What the next request is to tell; not what is of no use any more by the clock of this process. */
  take(): Pending[] {
    const taken: Pending[] = [];
    const now = performance.now();
    let n = 0;
    let reasons = 0;
    for (; n < this.#pending.length && taken.length < this.#most && reasons < MAX_REASONS; n += 1) {
      const pending = this.#pending[n] as Pending;
      const { held, settlement } = pending;
      if (held.isFinished && settlement.kind === 'extend') continue;
      if (held.lost) {
        this.#host.settled(pending, 'stale');
        continue;
      }
      pending.toldAt = now;
      taken.push(pending);
      if ('reason' in settlement) reasons += settlement.reason?.length ?? 0;
    }
    this.#pending = this.#pending.slice(n);
    return taken;
  }

  /** The request has brought this. */
  told(taken: readonly Pending[], results: readonly Settled[]): void {
    this.#backoff.reset();
    if (taken.length > 0) this.#most = MAX_BATCH;
    for (const [i, pending] of taken.entries()) this.#host.settled(pending, results[i] as Settled);
  }

  /** The request has failed. Whether what it told is to be told at once, in smaller requests: the failure may be that of one of them. */
  failed(taken: readonly Pending[], error: unknown): boolean {
    if (taken.length === 0) return false;
    const failure = error instanceof RequestError ? error : undefined;
    const isRefusal = failure?.statusCode === 400 || failure?.statusCode === 413;
    if (isRefusal && (this.#most > 1 || taken.length > 1)) {
      this.#most = Math.ceil(Math.min(this.#most, taken.length) / 2);
      this.#pending = [...taken, ...this.#pending];
      return true;
    }
    this.#notBefore = performance.now() + this.#backoff.next(failure);
    if (failure?.statusCode === 404) {
      // The group is gone, and everything that it had handed out with it.
      for (const pending of taken) this.#host.settled(pending, 'stale');
      return false;
    }
    // It stood alone. Its lease ends by itself.
    if (isRefusal) return false;
    if (failure?.maybeProcessed !== false) for (const pending of taken) pending.maybeTold = true;
    this.#pending = [...taken, ...this.#pending];
    return false;
  }
}
