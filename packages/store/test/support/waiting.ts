import { Waiter, type Waiters } from '../../src/waiting/waiter.js';

class PromisedWaiter extends Waiter {
  readonly woken: Promise<void>;
  readonly #isOfGroup: boolean;
  #resolve = () => {};

  constructor(waiters: Waiters, timeoutMs: number, isOfGroup: boolean) {
    super();
    this.#isOfGroup = isOfGroup;
    this.woken = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.wait(waiters, timeoutMs);
  }

  override get isOfGroup(): boolean {
    return this.#isOfGroup;
  }

  protected override onWake(): void {
    this.#resolve();
  }
}

/** Resolves when the wait has ended. */
export function waiting(
  waiters: Waiters,
  timeoutMs: number,
  { isOfGroup = false }: { readonly isOfGroup?: boolean } = {},
): Promise<void> {
  return new PromisedWaiter(waiters, timeoutMs, isOfGroup).woken;
}
