import type { Epochs } from '../events/epochs.js';
import type { GroupScope, GroupSettings } from '../groups/group-storage.js';
import type { ListedCursor } from '../storage.js';

/** Most ids in a row that an import may leave out in the middle of a channel: an engine may keep something for each of them. */
export const MAX_GAP = 10_000_000;

/**
 * What an engine does so that what another store holds can be brought into it, ids and all, and be read from it. Each call is
 * one atomic step unless it says otherwise, and as durable as an append.
 *
 * An import is made while nobody appends to the channels that it brings; reading them does no harm.
 */
export interface TransferStorage {
  /**
   * Adds events to the end of a channel with the ids, the timestamps and the texts that they have. What is there already is
   * passed over, so that an import that was broken off can be made again from its beginning. Readers are told.
   *
   * @throws EventsError `Conflict` that names channel and id if the channel has another event there, or none; nothing is
   * stored. Likewise if more than `MAX_GAP` ids in a row are left out behind an event that is kept.
   */
  importEvents(channel: string, part: ImportedPart): Promise<ImportedCounts>;

  /** Saves cursors of a channel and of its types as they are, whatever was saved before. Not one step, but can be repeated. */
  importCursors(channel: string, cursors: readonly ListedCursor[]): Promise<void>;

  /**
   * Brings a group, unless there is one of its name; whether it did. Nobody sees it before all of it is there, so that it can
   * be repeated. Its channel comes before it.
   */
  importGroup(group: GroupSnapshot): Promise<boolean>;

  /** A group as it is now; undefined if there is none. */
  readGroup(scope: GroupScope): Promise<GroupSnapshot | undefined>;

  /** What each of the events with `after` < id ≤ `to` is filed under; those that are filed under nothing are absent. */
  filedTypes(
    channel: string,
    range: { readonly after: number; readonly to: number },
  ): Promise<ReadonlyMap<number, string>>;

  /** The channels that were deleted and not appended to since, in any order. Not one step. */
  deletedChannels(): AsyncIterable<string>;
}

/**
 * Events of a channel, and all that is to be known of its ids up to `lastId`. If the channel keeps no event, and has given no
 * id above `after`, it begins behind `after`. Otherwise ids that lie between two events, or above the newest, and that no event
 * has are a gap: they are never given, and no reader can tell them from those of dropped events, but that they are not counted
 * as events.
 */
export interface ImportedPart {
  /** Ids up to here are none of this part: they came before, or are dropped. */
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

/** The events of a part: those that were stored now, and those that the channel had. Others it has dropped again since. */
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
   * The events up to `after` that the group is not done with, and its dead letters. Ascending by id, but for those that are held
   * back by the same value: these in the order of their turns, and behind the one that they wait for.
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
