/** Bounds of one group. */
export interface GroupLimits {
  readonly items: number;
  /** A single item may be larger. */
  readonly bytes: number;
  /** Groups that are written at the same time, default 1. */
  readonly atOnce?: number;
}

/**
 * What comes in one turn of the event loop, and what comes while as many groups are being written as may, shares
 * the next one: many small writes cost few large ones.
 */
export class GroupQueue<T extends { readonly bytes: number }> {
  readonly #write: (group: readonly T[]) => Promise<void>;
  readonly #limits: GroupLimits;
  #queue: T[] = [];
  /** Groups that are being written. */
  #writing = 0;
  #scheduled = false;
  #running: Promise<void> | undefined;
  #end: () => void = () => {};

  /** `write` is called for at most `atOnce` groups at a time. It settles its items itself and does not reject. */
  constructor(write: (group: readonly T[]) => Promise<void>, limits: GroupLimits) {
    this.#write = write;
    this.#limits = limits;
  }

  /** Resolves once everything that is queued has been written; undefined where nothing is. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** Number of items that wait for the next group. */
  get length(): number {
    return this.#queue.length;
  }

  push(item: T): void {
    this.#queue.push(item);
    this.#running ??= new Promise((resolve) => {
      this.#end = resolve;
    });
    if (this.#scheduled || !this.#mayWrite) return;
    this.#scheduled = true;
    // Requests on many connections are read in one turn.
    setImmediate(() => {
      this.#scheduled = false;
      this.#next();
    });
  }

  get #mayWrite(): boolean {
    return this.#writing < (this.#limits.atOnce ?? 1);
  }

  #next(): void {
    while (this.#queue.length > 0 && this.#mayWrite) {
      this.#writing++;
      void this.#write(this.#take()).then(() => {
        this.#writing--;
        this.#next();
      });
    }
    if (this.#queue.length > 0 || this.#writing > 0) return;
    this.#running = undefined;
    this.#end();
  }

  #take(): T[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#queue) {
      bytes += item.bytes;
      if (count > 0 && (bytes > this.#limits.bytes || count >= this.#limits.items)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }
}
