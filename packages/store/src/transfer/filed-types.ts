/** What the events of a channel are filed under, for one reader that goes upwards. */
export interface FiledTypes {
  /**
   * Of the events with `after` < id ≤ `to`; those that are filed under nothing are absent. `after` is no lower than `to` was in the call
   * before. Of events that were appended after the first call the types may be missing.
   */
  between(after: number, to: number): Promise<ReadonlyMap<number, string>>;
}

/** Where an engine keeps the ids that are filed under a type, ascending. */
export interface TypeLists {
  types(): Promise<readonly string[]>;
  /** The first `limit` ids of a type above one. */
  idsAfter(type: string, after: number, limit: number): Promise<readonly number[]>;
}

/** Ids that are held for all types together, about. */
const MOST_HELD = 200_000;
/** Of one type: as few, however many types there are, and as many. */
const LEAST_AT_ONCE = 20;
const MOST_AT_ONCE = 1_000;
/** Types whose ids are asked for at a time. */
const TYPES_AT_ONCE = 100;

/** What was read of a type. */
interface Ahead {
  readonly type: string;
  ids: readonly number[];
  /** The first of them that was not told yet. */
  next: number;
  /** There are no others up to here. */
  readTo: number;
}

/**
 * Reads the lists of all types side by side, each once from its beginning to its end: asked for each page of events they would be read
 * as often as there are pages, which grows with the events times the types.
 */
export class MergedTypes implements FiledTypes {
  readonly #lists: TypeLists;
  #aheads: readonly Ahead[] | undefined;

  constructor(lists: TypeLists) {
    this.#lists = lists;
  }

  async between(after: number, to: number): Promise<ReadonlyMap<number, string>> {
    const found = new Map<number, string>();
    const isShort = (ahead: Ahead) => {
      const { type, ids } = ahead;
      for (let id = ids[ahead.next]; id !== undefined && id <= to; id = ids[++ahead.next]) {
        if (id > after) found.set(id, type);
      }
      return ahead.next === ids.length && ahead.readTo < to;
    };
    this.#aheads ??= (await this.#lists.types()).map((type) => ({ type, ids: [], next: 0, readTo: after }));
    let short = this.#aheads.filter(isShort);
    while (short.length > 0) {
      for (let i = 0; i < short.length; i += TYPES_AT_ONCE) {
        await Promise.all(short.slice(i, i + TYPES_AT_ONCE).map((ahead) => this.#readOn(ahead)));
      }
      short = short.filter(isShort);
    }
    return found;
  }

  async #readOn(ahead: Ahead): Promise<void> {
    const share = Math.floor(MOST_HELD / (this.#aheads?.length ?? 1));
    const limit = Math.min(Math.max(share, LEAST_AT_ONCE), MOST_AT_ONCE);
    ahead.ids = await this.#lists.idsAfter(ahead.type, ahead.readTo, limit);
    ahead.next = 0;
    ahead.readTo = ahead.ids.length < limit ? Number.POSITIVE_INFINITY : (ahead.ids.at(-1) as number);
  }
}
