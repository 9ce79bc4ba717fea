/**
 * A store can come back older than it was, or empty: a backup is restored, a replica that lags is promoted. Then it gives
 * ids out again, and the id alone no longer says which event a consumer has seen. So every event belongs to an epoch of its
 * channel. Whenever an engine can no longer be sure that it is what it was (it was opened, Redis has another replication
 * id, the channel is new) its next append begins an epoch, and notes in the channel at which id. Leader epochs of Kafka do
 * the same (KIP-101, KIP-320).
 *
 * The text of an epoch tells, separated by hyphens, the id at which it began, when (milliseconds since the Unix epoch, above
 * that of the epoch before), the term of the engine, and when the epoch before began (0: there was none). Of two stores that
 * went apart both know what was before, so that is enough to find out how much they have in common. Consumers take the text
 * as it is.
 */
const EPOCH = /^(\d{1,16})-(\d{1,16})-([0-9a-z]{1,16})-(\d{1,16})$/;

/** Notes of a channel that are kept, beside the current one: about 5 KB. */
const MAX_EARLIER = 99;

/** How far the clocks of two machines may be apart before a consumer of an epoch that nobody knows could miss events. */
const CLOCKS_APART_MS = 3_600_000;

interface Note {
  readonly epoch: string;
  /** Id at which it began. */
  readonly start: number;
  readonly startedAt: number;
  readonly term: string;
  readonly parentStartedAt: number;
}

/** The epochs of a channel, as an engine stores them. */
export class Epochs {
  /** Of a channel that nothing was ever appended to, or not since there are epochs. */
  static readonly NONE = new Epochs('', '');

  /** The epoch of the newest event. Empty: it has none. */
  readonly current: string;
  /** Those before, ascending, separated by spaces. */
  readonly earlier: string;
  #notes: readonly Note[] | undefined;

  constructor(current: string, earlier: string) {
    this.current = current;
    this.earlier = earlier;
  }

  /** The epoch of the event with this id; empty if it is older than all that is known. */
  of(id: number): string {
    if (this.earlier === '') return id >= startOf(this.current) ? this.current : '';
    return this.#all.findLast(({ start }) => start <= id)?.epoch ?? '';
  }

  /** Up to which id a cursor of the epoch has seen what this channel holds; undefined if nothing here tells. */
  endOf(epoch: string): number | undefined {
    if (epoch === this.current) return Number.POSITIVE_INFINITY;
    const i = this.#all.findIndex((note) => note.epoch === epoch);
    return this.#endOfNote(i);
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
    const parent = this.#all.findIndex(({ startedAt }) => startedAt === lost.parentStartedAt);
    if (parent !== -1 || lost.parentStartedAt === 0) {
      return Math.min(lost.start - 1, this.#endOfNote(parent) ?? 0);
    }
    const next = this.#all.findIndex(({ startedAt }) => startedAt > lost.startedAt - CLOCKS_APART_MS);
    const before = (this.#all[next]?.start ?? 1) - 1;
    // What was before the first note is not known, but for what is dropped anyway.
    return next > 0 || before < firstId ? before : 0;
  }

  /**
   * The epochs once another has begun behind `lastId`. `now`: milliseconds since the Unix epoch; `term`: what stands for the
   * engine for as long as it is sure of itself, up to 16 digits and lower-case letters. The append script of the Redis engine
   * does the same.
   */
  begin({ term, firstId, lastId, now }: NewEpoch): Epochs {
    const parent = parse(this.current);
    const startedAt = Math.max(now, (parent?.startedAt ?? 0) + 1);
    const current = `${lastId + 1}-${startedAt}-${term}-${parent?.startedAt ?? 0}`;
    const all = this.#all.map(({ epoch }) => epoch);
    // A cursor in what is dropped begins at the first event, whatever it has seen.
    while (all.length > 1 && startOf(all[1] as string) <= firstId) all.shift();
    return new Epochs(current, all.slice(-MAX_EARLIER).join(' '));
  }

  /** Whether the current epoch is one that an engine with this term has begun. */
  isOf(term: string): boolean {
    return parse(this.current)?.term === term;
  }

  get #all(): readonly Note[] {
    this.#notes ??= `${this.earlier} ${this.current}`.split(' ').flatMap((epoch) => parse(epoch) ?? []);
    return this.#notes;
  }

  #endOfNote(i: number): number | undefined {
    const all = this.#all;
    if (i === -1) return undefined;
    const next = all[i + 1];
    return next === undefined ? Number.POSITIVE_INFINITY : next.start - 1;
  }
}

export interface NewEpoch {
  readonly term: string;
  /** Oldest id kept, above the newest if there is none. */
  readonly firstId: number;
  /** Newest id given. */
  readonly lastId: number;
  readonly now: number;
}

function startOf(epoch: string): number {
  return Number.parseInt(epoch, 10);
}

function parse(epoch: string): Note | undefined {
  const [, start, startedAt, term = '', parentStartedAt] = EPOCH.exec(epoch) ?? [];
  if (start === undefined) return undefined;
  return {
    epoch,
    start: Number(start),
    startedAt: Number(startedAt),
    term,
    parentStartedAt: Number(parentStartedAt),
  };
}
