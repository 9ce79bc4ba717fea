/** Those who wait for the next event of one channel. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves when woken, after `timeoutMs` milliseconds, or when `signal` aborts; nothing stays behind. */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, timeoutMs);
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
