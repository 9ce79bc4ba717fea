/**
 * How long a clock that was set back is not followed, milliseconds: it may be wrong now. Likewise a timestamp that lies no further
 * ahead of the clock is as good as right.
 */
export const SETTLED_MS = 600_000;

/** A change of the clock by more than so many milliseconds is a jump; by less it is adjusted all the time. */
export const JUMP_MS = 60_000;

/**
 * Timestamps by the clock of this process, for an engine that lives in it. Those of a channel do not go back, with one exception: a
 * clock that was set back by more than `SETTLED_MS`, and has gone evenly for as long, was ahead before, and is right now.
 */
export class Timestamps {
  /** What the clock of the machine is ahead of the one that nobody can set, when last looked at. */
  #offset = offset();
  /** When the clock was found to have jumped last, by the one that nobody can set. */
  #jumpedAt = performance.now();

  /** The timestamp of an event behind one that has `newest`. */
  after(newest: number): number {
    const now = Date.now();
    const found = offset();
    if (Math.abs(found - this.#offset) > JUMP_MS) this.#jumpedAt = performance.now();
    this.#offset = found;
    if (now >= newest) return now;
    const hasSettled = performance.now() - this.#jumpedAt >= SETTLED_MS;
    return hasSettled && newest - now > JUMP_MS ? now : newest;
  }
}

function offset(): number {
  return Date.now() - performance.now();
}
