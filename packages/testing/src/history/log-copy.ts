import { createHash } from 'node:crypto';

/**
 * What somebody has of a channel: events 1 to `lastId`, and for each a rolling hash over everything up to it. Two copies
 * have the same hash at an id only if they have the same events in the same order up to there: one value tells loss,
 * repetition, reordering and corruption, and events that came after others that the store has lost since.
 */
export class LogCopy {
  readonly #values: (string | undefined)[] = [];
  readonly #hashes: string[] = [];

  get lastId(): number {
    return this.#values.length;
  }

  /** Undefined: no such event, or one that was skipped. */
  valueAt(id: number): string | undefined {
    return this.#values[id - 1];
  }

  /** Over events 1 to `id`; undefined if there are fewer. */
  hashAt(id: number): string | undefined {
    return id === 0 ? '' : this.#hashes[id - 1];
  }

  /** Adds the next event; undefined stands for one that was skipped. */
  add(value: string | undefined): void {
    const hash = createHash('sha256').update(`${this.#hashes.at(-1) ?? ''}\n${value}`);
    this.#values.push(value);
    this.#hashes.push(hash.digest('base64url').slice(0, 16));
  }

  /** Forgets the events behind `id`. */
  backTo(id: number): void {
    if (id < this.lastId) this.#values.length = this.#hashes.length = id;
  }

  /** Whether this is the beginning of the other copy, or all of it. */
  beginsLike(other: LogCopy): boolean {
    return this.hashAt(this.lastId) === other.hashAt(this.lastId);
  }

  /** The lowest id at which they differ; undefined if one begins like the other. */
  firstDifference(other: LogCopy): number | undefined {
    const end = Math.min(this.lastId, other.lastId);
    if (this.hashAt(end) === other.hashAt(end)) return undefined;
    let [same, different] = [0, end];
    while (different - same > 1) {
      const middle = Math.floor((same + different) / 2);
      if (this.hashAt(middle) === other.hashAt(middle)) same = middle;
      else different = middle;
    }
    return different;
  }
}
