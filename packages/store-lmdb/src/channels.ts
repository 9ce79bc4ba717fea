import { setImmediate } from 'node:timers/promises';
import {
  byBytes,
  type ChannelEnd,
  type ChannelStorage,
  type FutureMark,
  futureMark,
  headerOf,
  isTooOld,
  type PlacedCursor,
  type Redaction,
  redactedHead,
  redactedText,
  type StorageListener,
  type TrimLimits,
  type Unseen,
} from '@ganomede/events-store';
import { type ChannelRecord, readChannel } from './channel-record.js';
import type { CommitQueue, Draft } from './commit-queue.js';
import type { Cursors } from './cursors.js';
import type { Database } from './database.js';
import { NoRoom } from './disk-space.js';
import { decodeFutureMark, encodeFutureMark } from './future-mark.js';
import { gapAt, idsInGaps } from './gaps.js';
import {
  CHANNEL_COUNT,
  CHANNELS_END,
  channelNumberKey,
  deletedChannelKey,
  eventKey,
  futureMarkKey,
  gapKey,
  type Key,
  typeKey,
  typesEnd,
} from './keys.js';
import { reading } from './storage-error.js';
import { decodeEvent, encodeEvent } from './stored-event.js';

/** So many events one commit drops: writes wait for it. */
const DROPPED_AT_ONCE = 1_000;
/** So many entries one commit removes of a channel, if there are as many: few enough for a disk that is nearly full, */
const LEAST_STEP = 1_000;
/** and no more unless what is appended meanwhile takes as much of the commit. */
const MOST_STEP = 10_000;
/** An event that was dropped leaves an entry, and another one if it is filed under a type. */
const KEEPING_UP = 3;
/** Types of a channel that are looked at before others have their turn on the event loop. */
const TYPES_A_TURN = 500;

/**
 * Lists, trims, deletes and redacts channels. Trimming, and an append that drops events, moves the first id of a channel; what lies below it
 * is removed afterwards, a step at a time.
 */
export class Channels implements ChannelStorage {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #dataDir: string;
  readonly #cursors: Cursors;
  readonly #trimmed: (channel: string, firstId: number) => void;
  readonly #missed: (channel: string) => void;
  /** Resolves once the last channel has been trimmed. */
  #trimming: Promise<void> = Promise.resolve();
  /** By channel. */
  readonly #removing = new Map<string, Promise<void>>();
  #closed = false;

  /**
   * `trimmed` is called with the oldest id that a channel keeps, above the last if it keeps none, `missed` if what was read
   * of a channel does not count any more.
   */
  constructor(
    { database, commits, dataDir }: { database: Database; commits: CommitQueue; dataDir: string },
    cursors: Cursors,
    { trimmed, missed }: Pick<StorageListener, 'trimmed' | 'missed'>,
  ) {
    this.#database = database;
    this.#commits = commits;
    this.#dataDir = dataDir;
    this.#cursors = cursors;
    this.#trimmed = trimmed;
    this.#missed = missed;
  }

  async list(range: { prefix: string; after: string; limit: number }): Promise<string[]> {
    const { prefix, after, limit } = range;
    const from = byBytes(after, prefix) > 0 ? after : prefix;
    // The first one may be `after` itself.
    const keys = this.#keys(channelNumberKey(from), CHANNELS_END, limit + 1);
    return keys
      .map((key) => String(key[1]))
      .filter((name) => name !== after && name.startsWith(prefix))
      .slice(0, limit);
  }

  /** Those that were deleted count too. */
  async count(): Promise<number> {
    return reading(this.#dataDir, 'the number of channels', () =>
      Number(this.#database.get(CHANNEL_COUNT) ?? 0),
    );
  }

  /** One turn of the event loop sees one snapshot. */
  async ends(channels: readonly string[]): Promise<(ChannelEnd | undefined)[]> {
    return channels.map((name) => {
      let record: ChannelRecord | undefined;
      try {
        record = readChannel(this.#database, name);
      } catch {
        // Its record is damaged.
        return undefined;
      }
      const {
        firstId = 1,
        lastId = 0,
        time = 0,
        epoch = '',
        redactions = 0,
        isDeleted = false,
      } = record ?? {};
      return { firstId, lastId, timestamp: time, epoch, redactions, isDeleted };
    });
  }

  async unseen(channel: string, cursors: readonly PlacedCursor[]): Promise<Unseen[]> {
    // By type those that are furthest come first: each counts from the one before.
    const sorted = [...cursors.entries()].sort(
      ([, a], [, b]) => byBytes(a.type ?? '', b.type ?? '') || b.after - a.after,
    );
    const unseen: Unseen[] = [];
    let before: { type: string | undefined; from: number; count: number } | undefined;
    for (const [i, { type, after }] of sorted) {
      const known = before?.type === type ? before : undefined;
      const { from, ...found } = reading(this.#dataDir, `channel ${JSON.stringify(channel)}`, () =>
        this.#unseen(channel, type, after, known),
      );
      before = { type, from, count: found.count };
      unseen[i] = found;
      // A type may have to be walked over.
      if (type !== undefined) await setImmediate();
    }
    return unseen;
  }

  /** What lies above `after`, and from where on that is. `known`: the same of a cursor further on. */
  #unseen(
    channel: string,
    type: string | undefined,
    after: number,
    known: { readonly from: number; readonly count: number } | undefined,
  ): Unseen & { from: number } {
    const record = readChannel(this.#database, channel);
    if (record === undefined) return { count: 0, timestamp: undefined, from: 1 };
    const { number, firstId, lastId } = record;
    const from = Math.max(after + 1, firstId);
    const end = known ?? { from: lastId + 1, count: 0 };
    const isAhead = from < end.from;
    if (type === undefined) {
      const ids = Math.max(0, lastId + 1 - from);
      const inGaps = idsInGaps(this.#database, number, lastId) - idsInGaps(this.#database, number, from - 1);
      const count = ids === 0 ? 0 : ids - inGaps;
      const next = (gapAt(this.#database, number, from)?.to ?? from - 1) + 1;
      return { count, timestamp: count === 0 ? undefined : this.#timestampOf(number, next), from };
    }
    const entries = isAhead
      ? this.#database.count(typeKey(number, type, from), typeKey(number, type, end.from))
      : 0;
    const [next] = this.#database.keys(typeKey(number, type, from), typeKey(number, type, lastId + 1), 1);
    return {
      count: entries + end.count,
      timestamp: next && this.#timestampOf(number, Number(next[3])),
      from,
    };
  }

  /** Undefined if the event is damaged. */
  #timestampOf(channelNumber: number, id: number): number | undefined {
    try {
      return headerOf(decodeEvent(channelNumber, id, this.#database.peek(eventKey(channelNumber, id))))
        .timestamp;
    } catch {
      return undefined;
    }
  }

  /** The channel is gone once the first commit is; the rest is removed afterwards, a step at a time. */
  async delete(channel: string): Promise<boolean> {
    const isKnown = await this.#commits.write({
      subject: `the removal of channel ${JSON.stringify(channel)}`,
      bytes: 0,
      fromReserve: true,
      plan: (draft: Draft) => {
        const record = draft.channel(channel);
        if (record === undefined) return false;
        draft.setChannel(channel, { ...record, firstId: record.lastId + 1, isDeleted: true });
        draft.remove(channelNumberKey(channel));
        draft.add(deletedChannelKey(channel), Buffer.from(String(record.number)));
        draft.remove(futureMarkKey(record.number));
        return true;
      },
      committed: (isKnown) => {
        if (isKnown) this.#missed(channel);
      },
    });
    if (!isKnown) return false;
    await this.#cursors.deleteAll(channel);
    // One that is running may have begun before.
    await this.#removing.get(channel)?.catch(() => {});
    await this.#removeOnce(channel);
    return true;
  }

  async redact(channel: string, redactions: readonly Redaction[]): Promise<boolean[]> {
    return this.#commits.write({
      subject: `the redaction of events of channel ${JSON.stringify(channel)}`,
      bytes: redactions.reduce((sum, { kept }) => sum + kept.length, 0),
      fromReserve: true,
      plan: (draft: Draft) => {
        const record = draft.channel(channel);
        if (record === undefined) return redactions.map(() => false);
        const outcomes = redactions.map((redaction) => this.#redactOne(draft, record, redaction));
        if (outcomes.includes(true)) {
          draft.setChannel(channel, { ...record, redactions: record.redactions + 1 });
        }
        return outcomes;
      },
      committed: (outcomes) => {
        if (outcomes.includes(true)) this.#missed(channel);
      },
    });
  }

  #redactOne(draft: Draft, { number, firstId, lastId }: ChannelRecord, redaction: Redaction): boolean {
    const { id, timestamp } = redaction;
    if (id < firstId || id > lastId) return false;
    // Whoever has read it has read it from the database.
    const text = decodeEvent(number, id, this.#database.peek(eventKey(number, id)));
    if (!text.toString().startsWith(redactedHead(redaction))) return false;
    draft.add(eventKey(number, id), encodeEvent(number, id, timestamp, redactedText(redaction)).value);
    return true;
  }

  /** One channel after the other: steps of several would share a commit, for which every write waits. */
  trim(channel: string, limits: TrimLimits, signal: AbortSignal): Promise<void> {
    const trimmed = this.#trimming.then(() => this.#trim(channel, limits, signal));
    this.#trimming = trimmed.catch(() => {});
    return trimmed;
  }

  async #trim(channel: string, limits: TrimLimits, signal: AbortSignal): Promise<void> {
    if (limits.maxAgeMs > 0) await this.#markFuture(channel, limits.now);
    while (!signal.aborted && this.#hasSomethingToDrop(channel, limits)) await this.#drop(channel, limits);
    if (!signal.aborted) await this.#removeOnce(channel);
  }

  /** Begins to remove what an append has dropped: until the next sweep a fast publisher would fill the disk. */
  removeDropped(channel: string): void {
    this.#removeOnce(channel).catch(() => {
      // The disk is full or away; the next time, or the next sweep.
    });
  }

  /** Resolves once nothing is being removed any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#removing.values());
  }

  #removeOnce(channel: string): Promise<void> {
    const running = this.#removing.get(channel);
    if (running) return running;
    const removing = this.#removeLeftovers(channel).finally(() => this.#removing.delete(channel));
    this.#removing.set(channel, removing);
    return removing;
  }

  /** Remembers when events with timestamps of the future were seen first. Costs a commit only if that changes. */
  async #markFuture(channel: string, now: number): Promise<void> {
    const found = reading(this.#dataDir, `channel ${JSON.stringify(channel)}`, () => {
      const record = readChannel(this.#database, channel);
      if (record === undefined) return undefined;
      const { number, firstId, lastId, time } = record;
      if (firstId > lastId) return undefined;
      const timestamps = [this.#readableFrom(record, firstId).timestamp, time];
      const known = this.#futureMark(number);
      return { number, known, mark: futureMark(known, { firstId, lastId, timestamps }, now) };
    });
    if (found === undefined || found.mark === found.known) return;
    const { number, mark } = found;
    await this.#commits.write({
      subject: `what is remembered of channel ${JSON.stringify(channel)}`,
      bytes: 0,
      fromReserve: true,
      plan: (draft: Draft) => {
        if (mark) draft.set(futureMarkKey(number), encodeFutureMark(mark));
        else draft.remove(futureMarkKey(number));
      },
    });
  }

  #futureMark(channelNumber: number): FutureMark | undefined {
    const stored = this.#database.get(futureMarkKey(channelNumber));
    return stored && decodeFutureMark(stored);
  }

  #hasSomethingToDrop(channel: string, limits: TrimLimits): boolean {
    return reading(this.#dataDir, `channel ${JSON.stringify(channel)}`, () => {
      const record = readChannel(this.#database, channel);
      return record !== undefined && this.#expired(record, limits, 1) > 0;
    });
  }

  async #drop(channel: string, limits: TrimLimits): Promise<void> {
    await this.#commits.write({
      subject: `the first id of channel ${JSON.stringify(channel)}`,
      bytes: 0,
      fromReserve: true,
      plan: (draft: Draft) => {
        const record = draft.channel(channel) as ChannelRecord;
        const dropped = record.firstId + this.#expired(record, limits, DROPPED_AT_ONCE);
        // A channel begins with an event, not with ids that none has.
        const firstId = (gapAt(this.#database, record.number, dropped)?.to ?? dropped - 1) + 1;
        draft.setChannel(channel, { ...record, firstId });
        return firstId;
      },
      committed: (firstId) => this.#trimmed(channel, firstId),
    });
  }

  /** How many of the oldest events are too many or too old; at most `most`. */
  #expired(record: ChannelRecord, limits: TrimLimits, most: number): number {
    const { number, firstId, lastId } = record;
    const { maxAgeMs, maxEvents } = limits;
    const kept = lastId - firstId + 1;
    const tooMany = maxEvents ? kept - maxEvents : 0;
    let count = Math.max(0, Math.min(Math.max(tooMany, (limits.firstId ?? firstId) - firstId), kept, most));
    if (!maxAgeMs) return count;
    const mark = this.#futureMark(number);
    const end = Math.min(kept, most);
    while (count < end) {
      const event = this.#readableFrom(record, firstId + count);
      if (!isTooOld(event, mark, limits)) break;
      count = Math.min(event.id - firstId + 1, end);
    }
    return count;
  }

  /** The first event from an id on that is not damaged: those before it are as old. If there is none, all are as old as the newest. */
  #readableFrom({ number, lastId, time }: ChannelRecord, from: number): { id: number; timestamp: number } {
    for (let id = from; id <= lastId; id++) {
      try {
        return headerOf(decodeEvent(number, id, this.#database.peek(eventKey(number, id))));
      } catch {
        // The next one.
        id = gapAt(this.#database, number, id)?.to ?? id;
      }
    }
    return { id: lastId, timestamp: time };
  }

  /**
   * Removes the events below the first id, and before them their entries in lists of types: as long as one such event
   * is there, the work is not done, whenever it was broken off. The more there is, the larger are the steps, within bounds; what
   * the disk has no room for is tried in smaller ones.
   */
  async #removeLeftovers(channel: string): Promise<void> {
    let before: number | undefined;
    let most = Number.POSITIVE_INFINITY;
    while (!this.#closed) {
      const record = reading(this.#dataDir, `channel ${JSON.stringify(channel)}`, () =>
        readChannel(this.#database, channel),
      );
      if (record === undefined) return;
      const { number, firstId } = record;
      const [oldest] = this.#keys(eventKey(number, 0), eventKey(number, firstId), 1);
      if (oldest === undefined) return;
      const droppedMeanwhile = firstId - (before ?? firstId);
      before = firstId;
      const wanted = Math.min(
        firstId - Number(oldest[1]),
        Math.max(MOST_STEP, KEEPING_UP * droppedMeanwhile),
        most,
      );
      const step = Math.max(LEAST_STEP, wanted);
      const keys = await this.#leftovers(record, step);
      try {
        await this.#commits.write({
          subject: `the removal of old events of channel ${JSON.stringify(channel)}`,
          bytes: 0,
          fromReserve: true,
          plan: (draft: Draft) => {
            for (const key of keys) draft.remove(key);
          },
        });
      } catch (error) {
        if (step === LEAST_STEP || !((error as Error).cause instanceof NoRoom)) throw error;
        most = Math.floor(step / 2);
      }
    }
  }

  /** Keys of what lies below the first id, at most so many: those in lists of types, those of gaps, then those of events. */
  async #leftovers({ number, firstId }: ChannelRecord, most: number): Promise<Key[]> {
    const keys: Key[] = [];
    // Type by type: whatever is first beyond one of them belongs to the next.
    let from = typeKey(number, '', 0);
    for (let seen = 1; keys.length < most && !this.#closed; seen++) {
      const [next] = this.#keys(from, typesEnd(number), 1);
      if (next === undefined) break;
      const type = String(next[2]);
      for (const key of this.#keys(
        typeKey(number, type, 0),
        typeKey(number, type, firstId),
        most - keys.length,
      )) {
        keys.push(key);
      }
      from = typeKey(number, type, Number.MAX_SAFE_INTEGER);
      if (seen % TYPES_A_TURN === 0) await setImmediate();
    }
    for (const key of this.#keys(gapKey(number, 0), gapKey(number, firstId), most - keys.length)) keys.push(key);
    if (keys.length < most && !this.#closed) {
      const events = this.#keys(eventKey(number, 0), eventKey(number, firstId), most - keys.length);
      for (const key of events) keys.push(key);
    }
    return keys;
  }

  #keys(start: Key, end: Key, count: number): Key[] {
    return reading(this.#dataDir, 'the keys of channels', () => [...this.#database.keys(start, end, count)]);
  }
}
