/** What `setTimeout` can count, milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** Something that goes on until it is stopped. */
interface Ongoing {
  stop(): void;
}

/** What ends at the same time, and what wakes up for it. */
interface Expiry {
  readonly ongoing: Set<Ongoing>;
  timer: NodeJS.Timeout | undefined;
}

/** Stops what goes on when its time is over. All that end together, as those of one token do, share a timer. */
export class Expiries {
  /** By their end, milliseconds since the Unix epoch. */
  readonly #expiries = new Map<number, Expiry>();

  /** `at`: when it is to be stopped, milliseconds since the Unix epoch. */
  add(at: number, what: Ongoing): void {
    const known = this.#expiries.get(at);
    if (known !== undefined) {
      known.ongoing.add(what);
      return;
    }
    const expiry = { ongoing: new Set([what]), timer: undefined };
    this.#expiries.set(at, expiry);
    this.#wait(at, expiry);
  }

  delete(at: number, what: Ongoing): void {
    const expiry = this.#expiries.get(at);
    if (!expiry?.ongoing.delete(what) || expiry.ongoing.size > 0) return;
    clearTimeout(expiry.timer);
    this.#expiries.delete(at);
  }

  #wait(at: number, expiry: Expiry): void {
    const leftMs = at - Date.now();
    if (leftMs > 0) {
      expiry.timer = setTimeout(() => this.#wait(at, expiry), Math.min(Math.ceil(leftMs), LONGEST_MS));
      return;
    }
    this.#expiries.delete(at);
    for (const what of expiry.ongoing) what.stop();
  }
}
