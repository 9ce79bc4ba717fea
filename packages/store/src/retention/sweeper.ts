import { setTimeout as delay } from 'node:timers/promises';
import type { Storage, TrimLimits } from '../storage.js';
import { AgeClock } from './age-clock.js';

/** Channels that are trimmed at a time. */
const PAGE = 100;
/** How much of the time between two sweeps one is spread over. */
const SPREAD = 0.8;
/** For how much of it the right to sweep is taken, from the last page on. */
const HOLD = 0.9;

/**
 * Drops what retention does not keep, in every channel, those that nothing is appended to as well. If several processes
 * share the storage one of them does it at a time; if its right runs out in the middle nothing is harmed.
 */
export class Sweeper {
  readonly #storage: Storage;
  readonly #limits: Omit<TrimLimits, 'now'>;
  readonly #clock: AgeClock;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(storage: Storage, limits: Omit<TrimLimits, 'now'>) {
    this.#storage = storage;
    this.#limits = limits;
    this.#clock = new AgeClock(limits.maxAgeMs);
    if (limits.maxAgeMs === 0 && limits.maxEvents === 0) return;
    this.#readClock().catch(() => {
      // The storage is away; at the first sweep.
    });
    const intervalMs = sweepIntervalMs(limits);
    this.#timer = setInterval(() => {
      this.#running ??= this.#sweep(intervalMs)
        .catch(() => {
          // The storage is away or full; the next time.
        })
        .finally(() => {
          this.#running = undefined;
        });
    }, intervalMs).unref();
  }

  /** Resolves once it does nothing more. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    await this.#running;
  }

  /** Sweeps every channel once, unless another process does, a page at a time. */
  async #sweep(intervalMs: number): Promise<void> {
    // By every process, so that each has known the clock for long when it is its turn.
    await this.#readClock();
    if (!(await this.#take(intervalMs))) return;
    const { channels } = this.#storage;
    const { signal } = this.#closing;
    const started = performance.now();
    const count = await channels.count();
    let after = '';
    let swept = 0;
    for (;;) {
      const names = await channels.list({ prefix: '', after, limit: PAGE });
      const last = names.at(-1);
      if (last === undefined) return;
      const dueMs = started + (swept / count) * SPREAD * intervalMs - performance.now();
      await delay(Math.max(dueMs, 0), undefined, { signal, ref: false });
      // If it took too long over a page another process has begun: it goes on from there.
      if (swept > 0 && !(await this.#take(intervalMs))) return;
      // One that is out of reach waits for the next sweep; the others do not wait for it.
      const limits = this.#limitsNow();
      await Promise.allSettled(names.map((name) => channels.trim(name, limits, signal)));
      swept += names.length;
      after = last;
    }
  }

  /** Without an age as long as nobody can tell it. */
  #limitsNow(): TrimLimits {
    const { now } = this.#clock;
    return now === undefined ? { ...this.#limits, maxAgeMs: 0, now: 0 } : { ...this.#limits, now };
  }

  async #readClock(): Promise<void> {
    if (this.#limits.maxAgeMs > 0) this.#clock.read((await this.#storage.clock?.()) ?? Date.now());
  }

  async #take(intervalMs: number): Promise<boolean> {
    return (await this.#storage.takeSweep?.(Math.floor(intervalMs * HOLD))) ?? true;
  }
}

/** How often channels are swept for what is too old, milliseconds: a tenth of the age, within a second and a minute. */
function sweepIntervalMs({ maxAgeMs }: Pick<TrimLimits, 'maxAgeMs'>): number {
  return Math.max(1_000, Math.min((maxAgeMs || Number.POSITIVE_INFINITY) / 10, 60_000));
}
