import type { GroupScope } from '../groups/group-storage.js';
import { Roster, type RosterMember } from './roster.js';

/** Longest time that a timer can hold, milliseconds; with more it would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Somebody who waits for something to happen in a channel. Tens of thousands may wait at once, so waiting takes no memory
 * beyond this object and its timer.
 */
export abstract class Waiter implements RosterMember {
  rosterIndex = -1;
  #waiters: Waiters | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Whether it waits for what this group hands out: a release concerns nobody else. */
  isOf(_group: GroupScope): boolean {
    return false;
  }

  /** What to do once the wait has ended; called in the midst of what ended it, and must not throw. */
  protected abstract onWake(): void;

  /** Waits, once at a time, until woken or for `timeoutMs` milliseconds (at most 24 days); then nothing stays behind. */
  protected wait(waiters: Waiters, timeoutMs: number): void {
    this.#waiters = waiters;
    this.#timer = setTimeout(wake, Math.min(timeoutMs, MAX_TIMER_MS), this);
    waiters.add(this);
  }

  /** Ends the wait; does nothing if it has ended. */
  wake(): void {
    if (!this.#waiters?.delete(this)) return;
    clearTimeout(this.#timer);
    this.onWake();
  }
}

function wake(waiter: Waiter): void {
  waiter.wake();
}

/** Those who wait on one channel. */
export class Waiters extends Roster<Waiter> {
  /** Wakes every one of them, or those who wait for one group; not those who wait again at once. */
  wakeAll(group?: GroupScope): void {
    for (const waiter of this.members()) {
      if (group && !waiter.isOf(group)) continue;
      try {
        waiter.wake();
      } catch (error) {
        // A bug of one is not to keep the others from being woken, nor what woke them from going on.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
