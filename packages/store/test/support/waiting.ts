import type { PollSignal } from '../../src/event-store.js';
import { Waiter, type Waiters } from '../../src/waiting/waiter.js';

class PromisedWaiter extends Waiter {
  readonly woken: Promise<void>;
  #resolve = () => {};

  constructor(waiters: Waiters, timeoutMs: number, signal?: PollSignal) {
    super();
    this.woken = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.wait(waiters, timeoutMs, signal);
  }

  protected override onWake(): void {
    this.#resolve();
  }
}

/** Resolves when the wait has ended. */
export function waiting(waiters: Waiters, timeoutMs: number, signal?: PollSignal): Promise<void> {
  return new PromisedWaiter(waiters, timeoutMs, signal).woken;
}
