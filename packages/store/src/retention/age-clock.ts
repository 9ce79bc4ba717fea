import { JUMP_MS } from '../clock/timestamps.js';

/** How long a storage that has just been opened drops nothing by age, milliseconds: the machine may not know the time yet. */
const START_MS = 600_000;
/** How long a clock that jumped forward is not believed, milliseconds. */
const DISBELIEF_MS = 86_400_000;

interface Reading {
  /** What the clock of the storage told, milliseconds since the Unix epoch. */
  readonly clock: number;
  /** When it was read, by the clock of this process that nobody can set. */
  readonly at: number;
}

/**
 * The time by which events are old, from what the clock of a storage tells now and then. A jump forward would make all events old
 * at once: time goes on evenly until the clock has stayed ahead for a day, or for the age to be kept if that
 * is shorter, when all from before the jump are old indeed. A jump back is followed at once, since it makes nothing old.
 */
export class AgeClock {
  readonly #startMs: number;
  readonly #disbeliefMs: number;
  #believed: Reading | undefined;
  /** From when on it is believed. */
  #settledAt = 0;
  /** The first reading after a jump forward. */
  #ahead: Reading | undefined;

  constructor(maxAgeMs: number) {
    this.#startMs = Math.min(maxAgeMs, START_MS);
    this.#disbeliefMs = Math.min(maxAgeMs, DISBELIEF_MS);
  }

  /** Milliseconds since the Unix epoch; undefined if nothing is known for long enough. */
  get now(): number | undefined {
    const at = performance.now();
    if (this.#believed === undefined || at < this.#settledAt) return undefined;
    return goneOn(this.#believed, at);
  }

  /** To be called with what the clock of the storage tells, more often than a clock gets out of step by itself. */
  read(clock: number): void {
    const reading = { clock, at: performance.now() };
    if (this.#believed === undefined) {
      this.#believe(reading);
      this.#settledAt = reading.at + this.#startMs;
      return;
    }
    const jump = clock - goneOn(this.#believed, reading.at);
    if (this.now === undefined) {
      // There is nothing to hold against it.
      this.#believe(reading);
      if (Math.abs(jump) > JUMP_MS) this.#settledAt = reading.at + this.#startMs;
    } else if (jump <= JUMP_MS) {
      this.#believe(reading);
    } else {
      const again = this.#ahead && Math.abs(clock - goneOn(this.#ahead, reading.at)) <= JUMP_MS;
      if (!again) this.#ahead = reading;
      else if (reading.at - (this.#ahead as Reading).at >= this.#disbeliefMs) this.#believe(reading);
    }
  }

  #believe(reading: Reading): void {
    this.#believed = reading;
    this.#ahead = undefined;
  }
}

/** What the clock tells at a later moment, if it has gone on evenly. */
function goneOn({ clock, at }: Reading, later: number): number {
  return Math.floor(clock + later - at);
}
