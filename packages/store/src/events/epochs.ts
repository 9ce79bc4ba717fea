/**
 * A store can come back older than it was, or empty: a backup is restored, a replica that lags is promoted. Then it gives
 * ids out again, and the id alone no longer says which event a consumer has seen. So every event belongs to an epoch of its
 * channel. Whenever an engine can no longer be sure that it is what it was (it was opened, Redis has another replication
 * id, the channel is new) its next append begins an epoch, and notes in the channel at which id. Leader epochs of Kafka do
 * the same (KIP-101, KIP-320).
 *
 * The text of an epoch tells, separated by hyphens: the id at which it began; when, in milliseconds since the Unix epoch, but
 * later than the one before; the term of the engine; and time and term of the epoch before. Of two stores that went apart both
 * know what was before, so that this tells how much they have in common. It may be told too little, so that events are
 * repeated, if what was lost are several epochs in a row; and too much, if two stores have gone on side by side for longer than
 * an hour and one then takes the other's place. Consumers take the text as it is.
 */
const EPOCH = /^(\d{1,16})-(\d{1,16})-([0-9a-z]{1,16})-(\d{1,16}-[0-9a-z]{1,16})$/;

/** Of events that are older than all that is noted: there were no epochs yet, or they were given ids by another store. */
export const UNNOTED = '0-0-0-0-0';
const NO_PARENT = '0-0';

/** Epochs of a channel that are kept beside the current one: about 6 KB. */
const MAX_EARLIER = 99;

/** How far the clocks of two machines may be apart before a consumer of an epoch that nobody knows could miss events. */
const CLOCKS_APART_MS = 3_600_000;

interface Note {
  readonly epoch: string;
  /** Id at which it began. */
  readonly startId: number;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly term: string;
  /** `startedAt` and `term` of the one before. */
  readonly parent: string;
  /** If the next one is forgotten: its last id. */
  readonly endId: number | undefined;
}

/** The epochs of a channel, as an engine stores them. */
export class Epochs {
  /** Of a channel that nothing was ever appended to, or not since there are epochs. */
  static readonly NONE = new Epochs('', '');

  /** The epoch of the newest event. Empty: none was begun yet. */
  readonly current: string;
  /** Those before, ascending, separated by spaces; one that is followed by some that are forgotten with a slash and its last id. */
  readonly earlier: string;
  #notes: readonly Note[] | undefined;

  constructor(current: string, earlier: string) {
    this.current = current;
    this.earlier = earlier;
  }

  /** The epoch of the event with this id; if that is forgotten, the next one, which goes on from it. */
  of(id: number): string {
    if (id >= Number.parseInt(this.current, 10)) return this.current;
    const i = this.#all.findLastIndex(({ startId }) => startId <= id);
    const note = this.#all[i];
    if (note === undefined) return UNNOTED;
    return note.endId !== undefined && id > note.endId ? (this.#all[i + 1] as Note).epoch : note.epoch;
  }

  /** Up to which id a cursor of the epoch has seen what this channel holds; undefined if nothing here tells. */
  endOf(epoch: string): number | undefined {
    if (epoch === this.current) return Number.POSITIVE_INFINITY;
    if (epoch === UNNOTED) return this.#endBefore(0);
    const i = this.#all.findIndex((note) => note.epoch === epoch);
    return i === -1 ? undefined : this.#endBefore(i + 1);
  }

  /**
   * The same for any epoch, those of a store that went another way too. Then it may be less than what they have in common,
   * so that events are repeated rather than missed. `firstId`: the oldest id that the channel keeps.
   */
  commonWith(epoch: string, firstId: number): number {
    const end = this.endOf(epoch);
    if (end !== undefined) return end;
    const lost = parse(epoch);
    if (lost === undefined) return 0;
    // It was forgotten here, or was begun where this store did not go: all before it is common, as far as its parent is.
    const all = this.#all;
    const parent = all.findIndex((note) => lost.parent === `${note.startedAt}-${note.term}`);
    if (parent !== -1 || lost.parent === NO_PARENT) {
      return Math.min(lost.startId - 1, this.#endBefore(parent + 1));
    }
    const next = all.findIndex(({ startedAt }) => startedAt > lost.startedAt - CLOCKS_APART_MS);
    if (next > 0) return Math.min((all[next] as Note).startId, lost.startId) - 1;
    // What was before the first one is not known, but for what is dropped anyway.
    const before = (all[next]?.startId ?? 1) - 1;
    return before < firstId ? before : 0;
  }

  /** The epochs once another has begun. The append script of the Redis engine does the same. */
  begin({ term, firstId, lastId, now }: NewEpoch): Epochs {
    const all = [...this.#all];
    const parent = all.at(-1);
    // A cursor in what is dropped begins at the first event, whatever it has seen.
    while (all[1] !== undefined && all[1].startId <= firstId) all.shift();
    while (all.length > MAX_EARLIER) forgetShortest(all);
    const startedAt = Math.max(now, (parent?.startedAt ?? 0) + 1);
    const before = parent === undefined ? NO_PARENT : `${parent.startedAt}-${parent.term}`;
    return new Epochs(`${lastId + 1}-${startedAt}-${term}-${before}`, all.map(textOf).join(' '));
  }

  /** Those that had begun when the newest id was this one. */
  upTo(lastId: number): Epochs {
    const begun = this.#all.filter(({ startId }) => startId <= lastId + 1);
    const texts = begun.map(textOf);
    const current = texts.pop()?.split('/')[0] ?? '';
    return new Epochs(current, texts.join(' '));
  }

  /**
   * Those of an import (see `importedEpochs`) that has got to this id only: the one that no event is of begins there. Another import
   * goes on from that.
   */
  brokenOffAt(lastId: number): Epochs {
    const { term, startedAt } = parse(this.current) as Note;
    return this.upTo(lastId).begin({ term, firstId: 0, lastId, now: startedAt });
  }

  /** Whether the current epoch is one that an engine with this term has begun. */
  isOf(term: string): boolean {
    return parse(this.current)?.term === term;
  }

  get #all(): readonly Note[] {
    this.#notes ??= `${this.earlier} ${this.current}`.split(' ').flatMap((epoch) => parse(epoch) ?? []);
    return this.#notes;
  }

  /** The last id of what comes before a note. */
  #endBefore(i: number): number {
    const next = this.#all[i];
    return next === undefined ? Number.POSITIVE_INFINITY : (this.#all[i - 1]?.endId ?? next.startId - 1);
  }
}

export interface NewEpoch {
  /**
   * Stands for the engine for as long as it is sure of itself: up to 16 digits and lower-case letters, of which no other opening
   * has the same.
   */
  readonly term: string;
  /** Oldest id kept, above the newest if there is none. */
  readonly firstId: number;
  /** Newest id given. */
  readonly lastId: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Forgets the one with the fewest events, but not the first. */
function forgetShortest(all: Note[]): void {
  let found = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 1; i + 1 < all.length; i++) {
    const length = (all[i + 1] as Note).startId - (all[i] as Note).startId;
    if (length < least) {
      found = i;
      least = length;
    }
  }
  const before = all[found - 1] as Note;
  const [forgotten] = all.splice(found, 1) as [Note];
  all[found - 1] = { ...before, endId: before.endId ?? forgotten.startId - 1 };
}

function textOf({ epoch, endId }: Note): string {
  return endId === undefined ? epoch : `${epoch}/${endId}`;
}

function parse(text: string): Note | undefined {
  const [epoch = '', endId] = text.split('/');
  const [, startId, startedAt, term = '', parent = ''] = EPOCH.exec(epoch) ?? [];
  if (startId === undefined) return undefined;
  return {
    epoch,
    startId: Number(startId),
    startedAt: Number(startedAt),
    term,
    parent,
    endId: endId === undefined ? undefined : Number(endId),
  };
}
