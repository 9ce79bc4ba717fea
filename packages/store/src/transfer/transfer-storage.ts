import type { ListedCursor } from '../consumers/saved-cursor.js';
import type { Epochs } from '../events/epochs.js';
import type { GroupScope, GroupSettings } from '../groups/group-storage.js';
import type { FiledTypes } from './filed-types.js';

/** Most ids in a row that an import may leave out between the events of a channel: an engine may keep something for each of them. */
export const MAX_GAP = 10_000_000;

/**
 * What an engine does so that what another store holds can be brought into it, ids and all, and be read from it.
 *
 * An import is made while nobody appends to the channels that it brings; reading them does no harm. What has resolved is as
 * durable as a cursor.
 */
export interface TransferStorage {
  /**
   * Adds events to the end of a channel with the ids, the timestamps and the texts that they have, the lower ids first. What is
   * there already is passed over, so that an import that was broken off can be made again from its beginning. Readers are told.
   *
   * @throws EventsError `Conflict` that names channel and id if the channel has another event there, or none; nothing of the part is
   * stored then. Likewise if more than `MAX_GAP` ids in a row are left out behind an event that is kept.
   */
  importEvents(channel: string, part: ImportedPart): Promise<ImportedCounts>;

  /** Saves cursors of a channel and of its types as they are, whatever was saved before. Not one step, but can be repeated. */
  importCursors(channel: string, cursors: readonly ListedCursor[]): Promise<void>;

  /** Brings a group, unless there is one of its name; whether it did. One atomic step. */
  importGroup(group: GroupSnapshot): Promise<boolean>;

  /** A group as it is now, in one atomic step; undefined if there is none. */
  readGroup(scope: GroupScope): Promise<GroupSnapshot | undefined>;

  /** What the events of a channel are filed under. `MergedTypes` does it for an engine that has a list of ids for each type. */
  filedTypes(channel: string): FiledTypes;

  /**
   * The channels that `ChannelStorage.list` does not tell though something of them is kept: those that were deleted, and those that
   * have cursors or groups and no event yet. In any order, each once; one that comes to be one of them meanwhile may be left out.
   */
  unlistedChannels(): AsyncIterable<string>;
}

/**
 * Events of a channel, and all that is to be known of its ids up to `lastId`. A channel that keeps no event begins at the first of
 * them. Ids behind an event that is kept which no event has, up to `lastId`, are a gap: nobody is given them, and nobody sees or
 * counts them, but for retention by a number of events, which counts ids.
 */
export interface ImportedPart {
  /** Ids up to here are none of this part: they came before, or were dropped. */
  readonly after: number;
  /** Ascending by id, `after` < id ≤ `lastId`. About `IMPORT_STEP` at most, for memory and the time of one step. May be none. */
  readonly events: readonly ImportedEvent[];
  /** The newest id given, at least once the part is there: the next append goes on behind it. */
  readonly lastId: number;
  /** The newest timestamp given up to there, milliseconds since the Unix epoch. */
  readonly timestamp: number;
  /** What the epochs of the channel are to be if its newest id is `lastId` then (see `importedEpochs`). */
  readonly epochs: Epochs;
  /** Whether the channel is to be as one that was deleted, if it keeps no event and its newest id is `lastId` then. */
  readonly isDeleted?: boolean | undefined;
}

/** Events of one part. */
export const IMPORT_STEP = 1_000;

export interface ImportedEvent {
  readonly id: number;
  /** Its JSON text, which begins as that of `eventText`. */
  readonly json: Buffer;
  /** The type that it is filed under; undefined for none. */
  readonly filed: string | undefined;
}

/** Of the events of a part those that were stored now, and those that the channel had. Others were dropped there already. */
export interface ImportedCounts {
  readonly stored: number;
  readonly known: number;
}

/** A group with all of its state. Leases do not last: the deliveries that they are of are taken back. */
export interface GroupSnapshot {
  readonly scope: GroupScope;
  readonly settings: GroupSettings;
  /** As in `GroupState`, and so are the next three. */
  readonly after: number;
  readonly redelivered: number;
  readonly missed: number;
  readonly createdAt: number;
  /** Dead letters that were only counted. */
  readonly forgotten: number;
  /**
   * The events up to `after` that the group is not done with, and its dead letters, ascending by id; and then those that are held back,
   * by the order of their values and of each in the order of their turns.
   */
  readonly entries: readonly GroupEntry[];
}

export interface GroupEntry {
  readonly id: number;
  /** As in `EntryRecord`, but that one that was leased is due at once. */
  readonly state: 'delayed' | 'held back' | 'dying' | 'dead';
  /** Of one that is delayed: from when on it may be handed out, milliseconds since the Unix epoch; 0: at once. */
  readonly dueAt: number;
  /** As in `EntryRecord`, and so are the next ones. */
  readonly value: string;
  readonly count: number;
  readonly clientId: string;
  readonly firstDeliveredAt: number;
  readonly endedAt: number;
  readonly reason: string;
  readonly deadLetterId: number | undefined;
}
