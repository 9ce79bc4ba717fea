import { IMPORT_STEP } from '@ganomede/events-store';
import type { ChannelCopy } from './channel-copy.js';
import type { ChannelReader } from './channel-reader.js';
import type { OriginalEvent } from './original-event.js';

/** A channel that goes into another one together with others. */
export interface MergedSource {
  readonly reader: ChannelReader;
  /** The newest id to bring. */
  readonly lastId: number;
  /** Where consumers are in it. */
  readonly cursors: readonly number[];
}

/** Where the cursors of a source are in the channel that it was merged into. */
export type MovedCursors = ReadonlyMap<number, number>;

/**
 * Brings several channels into one, in the order of their timestamps, those of each in its own order. All get new ids, above
 * all that the sources have given: a consumer that comes with an old one is not ahead of anything, and gets too much rather than
 * too little. The outcome is the same each time while nothing comes to the sources.
 *
 * @returns of each source where the cursors are now, in the order of the sources
 */
export async function mergeChannels(
  sources: readonly MergedSource[],
  copy: ChannelCopy,
  onAdded: (count: number) => void,
): Promise<MovedCursors[]> {
  const before = Math.max(...sources.map(({ lastId }) => lastId));
  const heads = sources.map((source) => new Head(source, before));
  for (const head of heads) await head.advance();
  let newest = before;
  let batch: OriginalEvent[] = [];
  const add = async () => {
    await copy.add(batch, newest);
    onAdded(batch.length);
    batch = [];
  };
  for (;;) {
    const next = earliest(heads);
    if (next?.event === undefined) break;
    newest += 1;
    batch.push({ ...next.event, id: newest });
    next.took(newest);
    await next.advance();
    if (batch.length === IMPORT_STEP) await add();
  }
  await add();
  return heads.map((head) => head.moved());
}

/** The first event of a source that has not been taken yet. */
class Head {
  event: OriginalEvent | undefined;
  readonly #pages: AsyncGenerator<readonly OriginalEvent[]>;
  #page: OriginalEvent[] = [];
  /** The cursors that are not behind it yet, descending. */
  readonly #cursors: number[];
  readonly #moved = new Map<number, number>();
  /** The new id of the last event that was taken. */
  #newId: number;

  constructor({ reader, lastId, cursors }: MergedSource, before: number) {
    this.#pages = reader.until(lastId);
    this.#cursors = [...cursors].sort((a, b) => b - a);
    this.#newId = before;
  }

  async advance(): Promise<void> {
    while (this.#page.length === 0) {
      const { value, done } = await this.#pages.next();
      if (done) break;
      this.#page = [...value].reverse();
    }
    this.event = this.#page.pop();
    if (this.event !== undefined) this.#move(this.event.id);
  }

  took(newId: number): void {
    this.#newId = newId;
  }

  moved(): MovedCursors {
    this.#move(Number.POSITIVE_INFINITY);
    return this.#moved;
  }

  /** Cursors that have not seen the event with this id are behind the one before it. */
  #move(id: number): void {
    for (let after = this.#cursors.at(-1); after !== undefined && after < id; after = this.#cursors.at(-1)) {
      this.#moved.set(after, this.#newId);
      this.#cursors.pop();
    }
  }
}

/** Of those that are left the one with the earliest timestamp; of several the first. */
function earliest(heads: readonly Head[]): Head | undefined {
  let found: Head | undefined;
  for (const head of heads) {
    if (head.event !== undefined && !(found?.event && found.event.timestamp <= head.event.timestamp))
      found = head;
  }
  return found;
}
