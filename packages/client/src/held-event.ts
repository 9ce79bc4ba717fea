import { MAX_DELAY_MS, MAX_REASON_LENGTH } from '@ganomede/events-protocol';
import { integer } from './checks.js';
import { RequestError } from './errors.js';
import type { DeliveredEvent } from './replies.js';
import type { Settlement } from './settlement.js';
import { textOf } from './text-of.js';

/** What a handler is told of the delivery of its event, and what it can say of it. */
export interface Delivery {
  /** Which delivery of the event it is, from 1. */
  readonly count: number;
  /** How many there are at most: the event is a dead letter if the last of them is no success. */
  readonly maxDeliveries: number;
  /**
   * Aborts when the event is no longer this worker's, with a `RequestError` of the code `LeaseLost`: it could not be extended in time,
   * or the group was deleted. What the handler does from then on, another worker may be doing too.
   */
  readonly signal: AbortSignal;
  /** Once the handler has ended the event is a dead letter, for this reason, however it ended. */
  reject(reason: string): void;
  /**
   * Once the handler has ended the event is given back, however it ended: it is delivered again after `delayMs`, or as the back-off
   * says. Counts as a delivery.
   */
  release(delayMs?: number): void;
}

/** An event that a worker was given and has not finished. */
export class HeldEvent implements Delivery {
  readonly event: object;
  readonly id: number;
  readonly token: string;
  readonly count: number;
  readonly maxDeliveries: number;
  readonly leaseMs: number;
  /** On the clock of `performance.now()`, as all times here. */
  readonly heldSince: number;
  leaseEndsAt: number;
  /** The server is being asked for more time. */
  isExtending = false;
  /** Its handler has ended. */
  isFinished = false;
  /** What the handler has said of it. */
  #verdict: Settlement | undefined;
  #lost: RequestError | undefined;
  #abort: AbortController | undefined;

  constructor({ delivery, ...event }: DeliveredEvent, now: number) {
    const { token, count, leaseMs, maxDeliveries } = delivery;
    this.event = event;
    this.id = event.id;
    this.token = token;
    this.count = count;
    this.maxDeliveries = maxDeliveries;
    this.leaseMs = leaseMs;
    this.heldSince = now;
    this.leaseEndsAt = now + leaseMs;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#lost) this.#abort.abort(this.#lost);
    }
    return this.#abort.signal;
  }

  reject(reason: string): void {
    const { id, token } = this;
    this.#verdict ??= { kind: 'reject', id, token, reason: cut(reason) };
  }

  release(delayMs?: number): void {
    if (delayMs !== undefined) integer('delayMs', delayMs, 0, 0, MAX_DELAY_MS);
    const { id, token } = this;
    this.#verdict ??= { kind: 'release', id, token, delayMs };
  }

  /** Why it is no longer this worker's; undefined if it is. */
  get lost(): RequestError | undefined {
    if (this.#lost === undefined && performance.now() >= this.leaseEndsAt) this.lose('its lease has ended');
    return this.#lost;
  }

  /** When something is to be done to keep it, or it is lost. */
  get dueAt(): number {
    return this.isExtending ? this.leaseEndsAt : this.leaseEndsAt - this.leaseMs / 2;
  }

  /** Whether it can be extended with those that have to be. */
  isExtensible(now: number): boolean {
    return !this.isExtending && this.leaseEndsAt - now <= this.leaseMs * 0.75;
  }

  /** The server was asked at `askedAt`, and has given more time. */
  extended(askedAt: number): void {
    this.isExtending = false;
    this.leaseEndsAt = askedAt + this.leaseMs;
  }

  /** Whether it is a dead letter once the server has done this. */
  isDeadAfter(settlement: Settlement): boolean {
    if (settlement.kind === 'reject') return true;
    return settlement.kind === 'release' && !settlement.uncounted && this.count >= this.maxDeliveries;
  }

  lose(problem: string): void {
    if (this.#lost) return;
    const message = `Event ${this.id} is no longer this worker's: ${problem}`;
    this.#lost = new RequestError(message, { code: 'LeaseLost', maybeProcessed: true });
    this.#abort?.abort(this.#lost);
  }

  /** What is to be said of it now that its handler has ended; `failure`: why that has failed. */
  settlement(failure: { readonly error: unknown } | undefined): Settlement {
    const { id, token } = this;
    if (this.#verdict) return this.#verdict;
    if (failure === undefined) return { kind: 'acknowledge', id, token };
    const { error } = failure;
    return { kind: 'release', id, token, reason: cut(error) };
  }

  /** It was not looked at: somebody else can have it at once. */
  get returned(): Settlement {
    return { kind: 'release', id: this.id, token: this.token, uncounted: true };
  }

  /** For as long as its lease was at first: that of the group may be another one by now. */
  get extension(): Settlement {
    return { kind: 'extend', id: this.id, token: this.token, leaseMs: this.leaseMs };
  }
}

/** What a server takes as a reason. */
function cut(reason: unknown): string {
  return textOf(reason).slice(0, MAX_REASON_LENGTH);
}
