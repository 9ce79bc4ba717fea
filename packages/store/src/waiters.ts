import type { PollSignal } from './event-store.js';

/** Longest time that a timer can hold, milliseconds; with more it would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Somebody who waits for the next event of a channel. Tens of thousands may wait at once, so waiting takes no memory
 * beyond this object and its timer.
 */
export abstract class Waiter {
  #waiters: Waiters | undefined;
  #signal: PollSignal | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** What to do once the wait has ended; called in the midst of what ended it, and must not throw. */
  protected abstract onWake(): void;

  /** Waits, once at a time, until woken, for `timeoutMs` milliseconds (at most 24 days), or until `signal` aborts; then nothing stays behind. */
  protected wait(waiters: Waiters, timeoutMs: number, signal: PollSignal | undefined): void {
    this.#waiters = waiters;
    this.#signal = signal;
    this.#timer = setTimeout(wake, Math.min(timeoutMs, MAX_TIMER_MS), this);
    signal?.addEventListener('abort', this, { once: true });
    waiters.add(this);
    if (signal?.aborted) this.wake();
  }

  /** Ends the wait; does nothing where it has ended. */
  wake(): void {
    if (!this.#waiters?.delete(this)) return;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this);
    this.onWake();
  }

  /** Called by the signal. */
  handleEvent(): void {
    this.wake();
  }
}

function wake(waiter: Waiter): void {
  waiter.wake();
}

/** Those who wait for the next event of one channel. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  get size(): number {
    return this.#waiting.size;
  }

  add(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  /** Whether it was waiting. */
  delete(waiter: Waiter): boolean {
    return this.#waiting.delete(waiter);
  }

  /** Wakes every one of them; not those who wait again at once. */
  wakeAll(): void {
    for (const waiter of [...this.#waiting]) waiter.wake();
  }
}
