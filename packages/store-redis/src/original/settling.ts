/**
 * Which ids of a channel that are not there will never be. The original counts an id before it stores its event, so that a gap near
 * the end may still be filled, and events come out of their order. It takes much less than the settling time, unless the
 * server has died in between.
 */
export class Settling {
  readonly #settleMs: number;
  /** Newest ids given and when they were seen, on the clock of `performance.now()`; ascending. */
  #seen: { readonly id: number; readonly at: number }[] = [];

  /** `settleMs`: how long after its id was given an event may still be stored, milliseconds. */
  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** The newest id given was this one at a time. */
  saw(id: number, at: number): void {
    if (id > (this.#seen.at(-1)?.id ?? 0)) this.#seen.push({ id, at });
  }

  /** Of ids up to this one everything is there that will be, if it is looked for after `now`. */
  upTo(now: number): number {
    const settled = this.#seen.findLastIndex(({ at }) => now - at >= this.#settleMs);
    if (settled > 0) this.#seen = this.#seen.slice(settled);
    return settled === -1 ? 0 : (this.#seen[0]?.id ?? 0);
  }
}

/** How much of what was found can be relied on, if everything up to `after` can. */
export interface Reliable {
  /** How many of the ids. */
  readonly count: number;
  /** Up to which id everything is known. */
  readonly upTo: number;
}

/**
 * The ids that are there behind `after`, ascending, up to the first gap that may still be filled. `isLast`: there was none behind
 * them; `settled`: what `Settling` told before they were looked for.
 */
export function reliable(ids: readonly number[], after: number, settled: number, isLast: boolean): Reliable {
  let upTo = after;
  let count = 0;
  for (const id of ids) {
    if (id > upTo + 1 && id - 1 > settled) break;
    upTo = id;
    count += 1;
  }
  const isAll = count === ids.length;
  // Behind the last one, and in the gap that ends the row, is what will not come.
  const next = isAll ? (isLast ? Number.POSITIVE_INFINITY : upTo + 1) : (ids[count] as number);
  return { count, upTo: Math.max(upTo, Math.min(settled, next - 1)) };
}
