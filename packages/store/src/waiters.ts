import type { PollSignal } from './event-store.js';

/** Longest time that a timer can hold, milliseconds; with more it would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Those who wait for the next event of one channel. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves when woken, after `timeoutMs` milliseconds (at most 24 days), or when `signal` aborts; nothing stays behind. */
  wait(timeoutMs: number, signal?: PollSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, Math.min(timeoutMs, MAX_TIMER_MS));
      signal?.addEventListener('abort', end, { once: true });
      this.#waiting.add(end);
      if (signal?.aborted) end();
    });
  }

  /** Wakes every one of them. */
  wakeAll(): void {
    for (const end of [...this.#waiting]) end();
  }
}
