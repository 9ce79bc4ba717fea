import { setTimeout as delay } from 'node:timers/promises';
import type { Storage, TrimLimits } from '../storage.js';
import { AgeClock } from './age-clock.js';
import { isUnlimited, type RetentionRules } from './retention-rules.js';

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
  readonly #retention: RetentionRules;
  /** By the age that is kept: how long a clock is not believed depends on it. */
  readonly #clocks: ReadonlyMap<number, AgeClock>;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(storage: Storage, retention: RetentionRules) {
    this.#storage = storage;
    this.#retention = retention;
    this.#clocks = new Map([...retention.agesMs].map((ageMs) => [ageMs, new AgeClock(ageMs)]));
    if (retention.keepsAll) return;
    this.#readClock().catch(() => {
      // The storage is away; at the first sweep.
    });
    const intervalMs = sweepIntervalMs(retention.agesMs);
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
      const trims = names.flatMap((name) => {
        const limits = this.#limitsNow(name);
        return isUnlimited(limits) ? [] : [channels.trim(name, limits, signal)];
      });
      await Promise.allSettled(trims);
      swept += names.length;
      after = last;
    }
  }

  /** Without an age as long as nobody can tell it. */
  #limitsNow(channel: string): TrimLimits {
    const limits = this.#retention.of(channel);
    const now = this.#clocks.get(limits.maxAgeMs)?.now;
    return now === undefined ? { ...limits, maxAgeMs: 0, now: 0 } : { ...limits, now };
  }

  async #readClock(): Promise<void> {
    if (this.#clocks.size === 0) return;
    const time = (await this.#storage.clock?.()) ?? Date.now();
    for (const clock of this.#clocks.values()) clock.read(time);
  }

  async #take(intervalMs: number): Promise<boolean> {
    return (await this.#storage.takeSweep?.(Math.floor(intervalMs * HOLD))) ?? true;
  }
}

/** How often channels are swept for what is too old, milliseconds: a tenth of the shortest age, within a second and a minute. */
function sweepIntervalMs(agesMs: ReadonlySet<number>): number {
  return Math.max(1_000, Math.min(Math.min(...agesMs) / 10, 60_000));
}
