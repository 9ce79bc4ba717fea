/** What is held for the readers of event streams, and for how long. */
export interface StreamLimits {
  /** Most that is held for one reader until it takes it, bytes; more only if a single event is larger. */
  readonly readerBytes: number;
  /** Most that is held for all readers of this process together, bytes. */
  readonly totalBytes: number;
  /** A reader that has not taken what was sent after this time is cut off, milliseconds. */
  readonly takeWithinMs: number;
  /** A comment is sent this often, so that neither end nor a proxy takes the connection for dead, milliseconds. */
  readonly heartbeatMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  readerBytes: 256 * 1024,
  totalBytes: 64 * 1024 * 1024,
  takeWithinMs: 15_000,
  heartbeatMs: 15_000,
};

/** Somebody for whom something is held. */
export interface Reader {
  /** Ends it at once; what is held for it is let go of. */
  cutOff(reason: string): void;
}

/** The more is held, the less may be held for each: this part of what is left. */
const SHARE = 1 / 8;

/**
 * What all event streams hold for readers who have not taken it yet. If that becomes too much, those who have been slow
 * for longest are cut off, so that slow readers never hold up fast ones.
 */
export class Untaken {
  readonly limits: StreamLimits;
  /** By reader; whose has been held for longest comes first. */
  readonly #held = new Map<Reader, number>();
  #bytes = 0;

  constructor(limits: StreamLimits = STREAM_LIMITS) {
    this.limits = limits;
  }

  /** Held for all readers now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How much more may be held for a reader. A single event may be larger. */
  share(reader: Reader): number {
    const { readerBytes, totalBytes } = this.limits;
    const own = readerBytes - (this.#held.get(reader) ?? 0);
    return Math.min(own, (totalBytes - this.#bytes) * SHARE);
  }

  /** How many events like these, of so many bytes, are to be read at a time, `most` at most: what one reader may be held for. */
  eventsThatFit(bytes: number, count: number, most: number): number {
    const perEvent = bytes / Math.max(count, 1);
    return Math.max(1, Math.min(most, Math.floor(this.limits.readerBytes / perEvent)));
  }

  hold(reader: Reader, bytes: number): void {
    this.#held.set(reader, (this.#held.get(reader) ?? 0) + bytes);
    this.#bytes += bytes;
    for (const slowest of this.#held.keys()) {
      if (this.#bytes <= this.limits.totalBytes) return;
      this.forget(slowest);
      slowest.cutOff('too much is held for all slow readers together');
    }
  }

  /** So much is not held any more: the reader has taken it, say. */
  release(reader: Reader, bytes: number): void {
    const left = (this.#held.get(reader) ?? 0) - bytes;
    if (left <= 0) {
      this.forget(reader);
    } else {
      this.#held.set(reader, left);
      this.#bytes -= bytes;
    }
  }

  /** A reader has gone. */
  forget(reader: Reader): void {
    this.#bytes -= this.#held.get(reader) ?? 0;
    this.#held.delete(reader);
  }
}
