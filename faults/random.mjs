/** Numbers that look random and are the same for the same seed. */
export class Random {
  #state;

  /** @param {number | string} seed */
  constructor(seed) {
    this.#state = 2_166_136_261;
    for (const character of String(seed)) {
      this.#state = Math.imul(this.#state ^ (character.codePointAt(0) ?? 0), 16_777_619);
    }
  }

  /** From 0 to below 1 (mulberry32). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from 0 to below the bound. @param {number} bound */
  below(bound) {
    return Math.floor(this.next() * bound);
  }

  /** An integer from `least` to `most`. @param {readonly [number, number]} range */
  within([least, most]) {
    return least + this.below(most - least + 1);
  }

  /** @template Item @param {readonly Item[]} items @returns {Item} */
  oneOf(items) {
    return /** @type {Item} */ (items[this.below(items.length)]);
  }
}
