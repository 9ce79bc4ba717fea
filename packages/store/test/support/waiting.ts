import type { GroupScope } from '../../src/groups/group-storage.js';
import { Waiter, type Waiters } from '../../src/waiting/waiter.js';

class PromisedWaiter extends Waiter {
  readonly woken: Promise<void>;
  readonly #group: string | undefined;
  #resolve = () => {};

  constructor(waiters: Waiters, timeoutMs: number, group: string | undefined) {
    super();
    this.#group = group;
    this.woken = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.wait(waiters, timeoutMs);
  }

  override isOf({ group }: GroupScope): boolean {
    return group === this.#group;
  }

  protected override onWake(): void {
    this.#resolve();
  }
}

/** Resolves when the wait has ended. */
export function waiting(
  waiters: Waiters,
  timeoutMs: number,
  { group }: { readonly group?: string } = {},
): Promise<void> {
  return new PromisedWaiter(waiters, timeoutMs, group).woken;
}
