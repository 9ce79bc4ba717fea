/** Bounds of one group. */
export interface GroupLimits {
  readonly items: number;
  /** A single item may be larger. */
  readonly bytes: number;
}

/** What comes while one group is being written shares the next one: many small writes cost few large ones. */
export class GroupQueue<T extends { readonly bytes: number }> {
  readonly #write: (group: readonly T[]) => Promise<void>;
  readonly #limits: GroupLimits;
  #queue: T[] = [];
  #running: Promise<void> | undefined;

  /** `write` is never called while it runs. It settles its items itself and does not reject. */
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
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Whatever comes in this turn shares the first group.
    await Promise.resolve();
    try {
      while (this.#queue.length > 0) await this.#write(this.#take());
    } finally {
      this.#running = undefined;
    }
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
