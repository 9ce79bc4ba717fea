/** Bounds of one batch. */
export interface BatchLimits {
  readonly items: number;
  /** A single item may be larger. */
  readonly bytes: number;
}

/**
 * What comes in one turn of the event loop, and what comes while one batch is being written, shares the next one:
 * many small writes cost few large ones.
 */
export class Batcher<T extends { readonly bytes: number }> {
  readonly #write: (batch: readonly T[]) => Promise<void>;
  readonly #limits: BatchLimits;
  #queue: T[] = [];
  #running: Promise<void> | undefined;

  /** `write` is never called while it runs. It settles its items itself and does not reject. */
  constructor(write: (batch: readonly T[]) => Promise<void>, limits: BatchLimits) {
    this.#write = write;
    this.#limits = limits;
  }

  /** Resolves once everything that is queued has been written; undefined if nothing is. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  push(item: T): void {
    this.#queue.push(item);
    this.#running ??= this.#run();
  }

  /** Takes what is queued and matches out of the queue. */
  withdraw(matches: (item: T) => boolean): T[] {
    const withdrawn = this.#queue.filter(matches);
    if (withdrawn.length > 0) this.#queue = this.#queue.filter((item) => !matches(item));
    return withdrawn;
  }

  async #run(): Promise<void> {
    // Requests on many connections are read in one turn.
    await new Promise((resolve) => setImmediate(resolve));
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

/** A queue for each of any number of names; those that have nothing to do take no memory. */
export class Batchers<T extends { readonly bytes: number }> {
  readonly #write: (name: string, batch: readonly T[]) => Promise<void>;
  readonly #limits: BatchLimits;
  readonly #queues = new Map<string, Batcher<T>>();

  /** `write` is never called for a name while it runs for it. It settles its items itself and does not reject. */
  constructor(write: (name: string, batch: readonly T[]) => Promise<void>, limits: BatchLimits) {
    this.#write = write;
    this.#limits = limits;
  }

  push(name: string, item: T): void {
    const known = this.#queues.get(name);
    if (known) {
      known.push(item);
      return;
    }
    const queue = new Batcher<T>((batch) => this.#write(name, batch), this.#limits);
    this.#queues.set(name, queue);
    queue.push(item);
    void this.#forgetIdle(name, queue);
  }

  /** Takes what is queued under a name and matches out of its queue. */
  withdraw(name: string, matches: (item: T) => boolean): T[] {
    return this.#queues.get(name)?.withdraw(matches) ?? [];
  }

  /** Resolves once everything that is queued has been written. */
  async idle(): Promise<void> {
    while (this.#queues.size > 0) {
      await Promise.all([...this.#queues.values()].map(({ running }) => running));
    }
  }

  async #forgetIdle(name: string, queue: Batcher<T>): Promise<void> {
    while (queue.running) await queue.running;
    this.#queues.delete(name);
  }
}
