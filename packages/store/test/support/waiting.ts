import { Waiter, type Waiters } from '../../src/waiting/waiter.js';

class PromisedWaiter extends Waiter {
  readonly woken: Promise<void>;
  #resolve = () => {};

  constructor(waiters: Waiters, timeoutMs: number) {
    super();
    this.woken = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.wait(waiters, timeoutMs);
  }

  protected override onWake(): void {
    this.#resolve();
  }
}

/** Resolves when the wait has ended. */
export function waiting(waiters: Waiters, timeoutMs: number): Promise<void> {
  return new PromisedWaiter(waiters, timeoutMs).woken;
}
