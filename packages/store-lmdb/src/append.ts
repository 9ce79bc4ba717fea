import {
  type Append,
  type AppendOutcome,
  Epochs,
  excess,
  type SerialisedEvent,
  type SteadyClock,
  type TailEvent,
  type Timestamps,
} from '@ganomede/events-store';
import { type ChannelRecord, readEpochs } from './channel-record.js';
import type { Draft } from './commit-queue.js';
import { findFirstUse, recordFirstUse } from './idempotency-records.js';
import {
  CHANNEL_COUNT,
  channelKey,
  channelNumberKey,
  deletedChannelKey,
  earlierEpochsKey,
  eventKey,
} from './keys.js';
import { encodeEvent } from './stored-event.js';

export interface PlannedAppend {
  readonly outcome: AppendOutcome;
  /** Undefined if nothing is stored. */
  readonly appended?: {
    /** To be gone through once: events of a channel that nobody follows need not be made. */
    readonly tail: Iterable<TailEvent>;
    readonly epoch: string;
    /** Oldest id that the channel keeps now. */
    readonly firstId: number;
    /** Whether it is a later one than before. */
    readonly dropped: boolean;
  };
}

export interface Clocks {
  readonly timestamps: Timestamps;
  /** Of the windows of idempotency records. */
  readonly steady: SteadyClock;
}

/**
 * Decides what becomes of an append, and adds all that has to be stored for it to the draft. `term`: stands for this opening of
 * the store, see `Epochs`.
 */
export function planAppend(
  draft: Draft,
  append: Append,
  { timestamps, steady }: Clocks,
  term: string,
): PlannedAppend {
  const { channel, events, maxEvents, idempotency, condition } = append;
  const now = steady.now();
  const firstUse = idempotency && findFirstUse(draft, idempotency, now);
  if (firstUse) return { outcome: firstUse };

  const known = draft.channel(channel);
  if (condition) {
    const lastId = known === undefined ? 0 : lastIdOf(draft, known, condition.type);
    if (lastId !== condition.lastId) return { outcome: { kind: 'unexpected-last-id', lastId } };
  }
  const record = known ?? {
    number: newChannelNumber(draft, channel),
    firstId: 1,
    lastId: 0,
    time: 0,
    epoch: '',
    redactions: 0,
    isDeleted: false,
  };
  const { number, redactions } = record;
  if (record.isDeleted) listAgain(draft, channel, number);
  const firstGiven = record.lastId + 1;
  const timestamp = timestamps.after(record.time);
  const jsons: Buffer[] = [];
  let id = record.lastId;
  for (const { text, filed } of events) {
    id++;
    const { json, value } = encodeEvent(number, id, timestamp, text);
    draft.add(eventKey(number, id), value);
    if (filed !== undefined) draft.file(number, filed, id);
    jsons.push(json);
  }
  const firstId = record.firstId + excess(id - record.firstId + 1, maxEvents);
  const epoch = epochForAppend(draft, record, term);
  const times = { lastId: id, time: timestamp, epoch };
  draft.setChannel(channel, { number, firstId, ...times, redactions, isDeleted: false });
  if (idempotency) recordFirstUse(draft, idempotency, { firstId: firstGiven, timestamp }, now);
  return {
    outcome: { kind: 'appended', firstId: firstGiven, timestamp },
    appended: {
      tail: tailEvents(firstGiven, events, jsons),
      epoch,
      firstId,
      dropped: firstId > record.firstId,
    },
  };
}

/** Of a type: of those that are kept. */
function lastIdOf(
  draft: Draft,
  { number, firstId, lastId }: ChannelRecord,
  type: string | undefined,
): number {
  if (type === undefined) return lastId;
  const newest = draft.newestOfType(number, type);
  return newest < firstId ? 0 : newest;
}

/** Begins one if the file may have been exchanged since: nobody can tell after it was opened. */
function epochForAppend(draft: Draft, record: ChannelRecord, term: string): string {
  if (new Epochs(record.epoch, '').isOf(term)) return record.epoch;
  const epochs = readEpochs(draft, record).begin({ ...record, term, now: Date.now() });
  if (epochs.earlier !== '') draft.set(earlierEpochsKey(record.number), Buffer.from(epochs.earlier));
  return epochs.current;
}

function* tailEvents(
  firstId: number,
  events: readonly SerialisedEvent[],
  jsons: readonly Buffer[],
): Iterable<TailEvent> {
  for (const [i, json] of jsons.entries()) yield { id: firstId + i, type: events[i]?.type ?? '', json };
}

/** A channel that was deleted is used again. */
export function listAgain(draft: Draft, channel: string, number: number): void {
  draft.remove(deletedChannelKey(channel));
  draft.add(channelNumberKey(channel), Buffer.from(String(number)));
}

/** @throws Error if the file is damaged */
export function newChannelNumber(draft: Draft, channel: string): number {
  const number = Number(draft.get(CHANNEL_COUNT) ?? 0) + 1;
  if (draft.get(channelKey(number)) !== undefined) {
    throw new Error('events.mdb is damaged: the number of its channels is not as it was stored');
  }
  const text = Buffer.from(String(number));
  draft.set(CHANNEL_COUNT, text);
  draft.add(channelNumberKey(channel), text);
  return number;
}
