import type { IndexDefinition } from '@ganomede/events-protocol';
import type { EventPage } from './events/event-page.js';
import type { SerialisedEvent } from './events/serialise.js';
import type { Redaction } from './forgetting/redaction.js';
import type { GroupStorage } from './groups/group-storage.js';
import type { TransferStorage } from './transfer/transfer-storage.js';

/**
 * What an engine has to do so that an `EventStore` can be built on it: what differs between Redis, LMDB and memory, and
 * nothing else. Names, limits and events that reach it are valid, and no call is made after `close`.
 *
 * Every method rejects with EventsError `ServiceUnavailable` if the engine cannot be reached or cannot write.
 */
export interface Storage {
  readonly cursors: CursorStorage;
  readonly indices: IndexStorage;
  readonly channels: ChannelStorage;
  readonly groups: GroupStorage;
  /** How it takes what another store holds, and gives it. Absent: it does not. */
  readonly transfer?: TransferStorage;
  /** Only of an engine that several processes share: how it hears what the others append. */
  readonly subscriptions?: Subscriptions;

  /** Called once, before anything else. */
  listen(listener: StorageListener): void;

  /**
   * Stores events, all of them or none, in one atomic step that also looks at the conditions of the append. Resolves
   * once they are as durable as the engine makes them and every `scan` sees them. Appends of one process to one channel
   * are stored in the order of the calls: if one fails since the engine is away or full, so do those that wait behind it.
   * Timestamps of a channel do not go back, with the one exception of `Timestamps`. Begins an epoch if the engine may have
   * come back older since the last append (see epochs.ts).
   */
  append(append: Append): Promise<AppendOutcome>;

  /**
   * Events of a channel, or of one type of it, in the order of the scan; at most `limit`, and fewer if they would hold
   * more than about `MAX_PAGE_BYTES`, but never none of them. One that begins below the oldest event kept begins there.
   * The page tells the epochs of the channel, as they are with its bounds.
   */
  scan(scan: Scan): Promise<EventPage>;

  /**
   * The JSON texts of events by their ids, in the order of the ids; undefined for those that the channel does not keep.
   */
  eventsById(channel: string, ids: readonly number[]): Promise<readonly (Buffer | undefined)[]>;

  /** Throws EventsError `ServiceUnavailable` if the channel is known to be out of reach now. Absent: it never is. */
  assertReachable?(channel: string): void;

  /** Resolves if the engine can be reached now. Absent: it always can. */
  ping?(): Promise<void>;

  /**
   * What the clock tells by which events get their timestamps, milliseconds since the Unix epoch; the slowest, if there are
   * several. Absent: it is that of this process.
   */
  clock?(): Promise<number>;

  /**
   * Takes, or renews, the right to sweep for so many milliseconds; false while another process has it. Absent: no other
   * process shares the engine.
   */
  takeSweep?(forMs: number): Promise<boolean>;

  /** Finishes the writes that are running, then frees everything. */
  close(): Promise<void>;
}

/** A channel, or one type of it. */
export interface ChannelScope {
  readonly channel: string;
  /** The type that events are filed under; undefined for all of them. */
  readonly type: string | undefined;
}

export interface Append {
  readonly channel: string;
  /** At least one. */
  readonly events: readonly SerialisedEvent[];
  /** Bytes of their texts, about. */
  readonly bytes: number;
  /** The newest so many events of the channel are kept, see `excess`; 0 for all. */
  readonly maxEvents: number;
  /** If the same record was used within its window nothing is stored. */
  readonly idempotency: IdempotencyRecord | undefined;
  /** The events are stored only if it holds; looked at once it is known that the record was not used. */
  readonly condition?: AppendCondition | undefined;
}

/** The newest id of the channel is this one. */
export interface AppendCondition {
  /** 0: the channel has none. */
  readonly lastId: number;
  /** Then it is the newest kept of those that are filed under it, and 0 if none is kept. The events are filed under it, too. */
  readonly type: string | undefined;
}

/** By what an append is known again: hashes, 22 characters of base64url each. */
export interface IdempotencyRecord {
  /** Stands for the client, the channel name and the key. */
  readonly scope: string;
  /** Stands for the events: the same scope with another fingerprint is a mistake of the publisher. */
  readonly fingerprint: string;
  /** How long it is remembered, milliseconds that go by, not that a clock is set by (see `SteadyClock`), if the engine can tell. */
  readonly windowMs: number;
}

export type AppendOutcome =
  /** Stored now, or (`repeated`) when the idempotency record was used first; the ids follow on `firstId`. */
  | { readonly kind: 'appended' | 'repeated'; readonly firstId: number; readonly timestamp: number }
  /** The idempotency record was used for other events. */
  | { readonly kind: 'key-reused' }
  /** The condition does not hold: `lastId` is the id that there is. */
  | { readonly kind: 'unexpected-last-id'; readonly lastId: number };

/** What to read of a channel: `after` an id ascending, or `before` an id descending. */
export type Scan = ChannelScope & { readonly limit: number } & (
    | {
        readonly after: number;
        /** For an index: it goes on without the events that the engine finds damaged, if it looks. */
        readonly skipsDamaged?: boolean;
      }
    /** Undefined: from the newest event down. */
    | { readonly before: number | undefined }
  );

/** A consumer on a channel name. */
export interface ConsumerScope extends ChannelScope {
  readonly clientId: string;
}

export interface CursorStorage {
  /** Undefined if none was saved. */
  load(consumer: ConsumerScope): Promise<SavedCursor | undefined>;
  /**
   * Saves it, with the time unless it is at `after` already; without `epoch` it keeps the one that it has. Resolves with the
   * epoch that it has then.
   */
  save(consumer: ConsumerScope, after: number, epoch: string | undefined): Promise<string | undefined>;
  /** Saves one unless there is one; resolves with the one that there is then. One atomic step. */
  create(consumer: ConsumerScope, after: number, epoch: string | undefined): Promise<SavedCursor>;
  /** Changes the epoch of a cursor that is saved, if it is at `after`. */
  setEpoch(consumer: ConsumerScope, after: number, epoch: string): Promise<void>;
  /** Whether one was saved. */
  delete(consumer: ConsumerScope): Promise<boolean>;
  /**
   * The cursors on a channel name, with `types` also those on the types of the channel: of the first `limit` clientIds after `after`,
   * all that each has. Sorted by the UTF-8 bytes of the clientIds, then of the types.
   */
  list(
    scope: ChannelScope,
    range: { readonly types: boolean; readonly after: string; readonly limit: number },
  ): Promise<ListedCursor[]>;
}

export interface SavedCursor {
  /** Id of the last event that the consumer has seen. */
  readonly after: number;
  /** When it came to be there, milliseconds since the Unix epoch; undefined if it was saved before that was kept. */
  readonly savedAt: number | undefined;
  /** What was saved as its epoch; undefined if nothing was. */
  readonly epoch: string | undefined;
}

export interface ListedCursor extends SavedCursor {
  readonly clientId: string;
  /** The type of the channel name that it is on. */
  readonly type: string | undefined;
}

/** What an index holds follows from these; definitions that have them in common may share it. */
export interface IndexScope extends ChannelScope {
  readonly field: string;
}

/** An event that has a value. */
export interface IndexEntry {
  readonly id: number;
  /** Stands for the value, see `indexKey`. */
  readonly key: string;
}

/** Events that an index has looked at. */
export interface IndexStep {
  /** Id of the last event that it had looked at before. */
  readonly from: number;
  /** Id of the last event that it has looked at now. */
  readonly to: number;
  /** Those of the events that have a value, ascending by id. */
  readonly entries: readonly IndexEntry[];
  /** The number of redactions that the page of the events has told. */
  readonly redactions: number;
}

export interface IndexStorage {
  /** Stores the definition unless there is one of its id; resolves with the one that is stored then. */
  create(index: IndexDefinition): Promise<IndexDefinition>;
  definition(id: string): Promise<IndexDefinition | undefined>;
  /** In any order. */
  definitions(): Promise<IndexDefinition[]>;

  /** Id of the last event that the index has looked at, 0 if it is new. */
  progress(index: IndexScope): Promise<number>;

  /** Removes a definition; what the index holds stays. */
  delete(id: string): Promise<void>;

  /**
   * Adds the entries and moves on, both or neither, if the progress is still `from`, and nothing was redacted since the events
   * were read. Resolves with the progress as it is then.
   */
  advance(index: IndexScope, step: IndexStep): Promise<number>;

  /**
   * Removes entries of events that the channel has dropped: about `INDEX_STEP` of them. Called at each step. Resolves with how many
   * were removed.
   */
  trim(index: IndexScope): Promise<number>;

  /** Removes the entries of these events, if there are any. */
  remove(index: IndexScope, ids: readonly number[]): Promise<void>;

  /** The events that have the value, newest first, bounded as those of a scan. */
  rows(
    index: IndexScope,
    key: string,
    range: { readonly limit: number; readonly before: number | undefined },
  ): Promise<EventPage>;
}

export interface ChannelStorage {
  /** Names of channels that begin with `prefix` and lie after `after`, in the order of their UTF-8 bytes; at most `limit`. */
  list(range: { readonly prefix: string; readonly after: string; readonly limit: number }): Promise<string[]>;

  /** How many channels there are, about. */
  count(): Promise<number>;

  /** Where each channel begins and ends, undefined if it cannot be read; in as few steps as the engine can. */
  ends(channels: readonly string[]): Promise<(ChannelEnd | undefined)[]>;

  /** What lies ahead of each of some cursors on a channel and its types. */
  unseen(channel: string, cursors: readonly PlacedCursor[]): Promise<Unseen[]>;

  /**
   * Drops events that are too many or too old, a step at a time, until that is done or `signal` aborts. Tells the listener.
   * The age of an event is that of its timestamp; if that lies more than `SETTLED_MS` ahead of `limits.now` it counts from the
   * first call that sees it, which is remembered with the channel.
   */
  trim(channel: string, limits: TrimLimits, signal: AbortSignal): Promise<void>;

  /**
   * Drops all events and all cursors of a channel and of its types, and takes it from the list until the next append; ids go on
   * counting, and the epoch stays. Readers are told. Done again it removes what was left if it was broken off. Whether there
   * ever was such a channel.
   */
  delete(channel: string): Promise<boolean>;

  /**
   * Replaces events, each if it is still there and is the one that was read, and counts that as a redaction of the channel; the
   * listener is told that events were missed. Of each whether it is redacted now.
   */
  redact(channel: string, redactions: readonly Redaction[]): Promise<boolean[]>;
}

export interface PlacedCursor {
  readonly type: string | undefined;
  /** Id of the last event seen. */
  readonly after: number;
}

/** Events of a channel name above a cursor. */
export interface Unseen {
  readonly count: number;
  /** Of the oldest of them; undefined if there is none, or it cannot be read. */
  readonly timestamp: number | undefined;
}

export interface TrimLimits {
  /** Oldest id to keep. Default: this drops nothing. */
  readonly firstId?: number | undefined;
  /** Most events to keep; 0 for all. */
  readonly maxEvents: number;
  /** Age after which an event is dropped, milliseconds; 0 for never. */
  readonly maxAgeMs: number;
  /** What ages are counted to, milliseconds since the Unix epoch: time of the clock that gives timestamps, but for its jumps. */
  readonly now: number;
}

/** A new event, as it is kept in the live tail of its channel. */
export interface TailEvent {
  readonly id: number;
  /** The type that it is filed under. */
  readonly type: string;
  /** Its JSON text. */
  readonly json: Buffer;
}

/** What an engine tells about its channels. At least about those that are subscribed to, if it has subscriptions. */
export interface StorageListener {
  /**
   * New events, ascending by id, all of one epoch. `firstId` is the oldest id that the channel keeps, above its last if it
   * keeps none. `events` need not be gone through, so an engine may make them while somebody does.
   */
  appended(channel: string, events: Iterable<TailEvent>, epoch: string, firstId: number): void;
  /** The oldest events were dropped. */
  trimmed(channel: string, firstId: number): void;
  /** Events of a group became due before their time, or a group was changed or removed. */
  released(channel: string): void;
  /** Events may have been appended, or redacted, that are not told. */
  missed(channel: string): void;
}

/** How an engine hears of events in one channel that another process appends. What it tells are hints: any may be lost. */
export interface Subscriptions {
  /** How often the channels that somebody waits on are looked at in case a notification was lost, milliseconds. */
  readonly checkEveryMs: number;
  /**
   * Resolves once every later event of the channel will be told, and after `missed` of the listener was called for it: what
   * was read before does not count. Rejects if the engine is out of reach.
   */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** Where each channel ends, undefined if it cannot be read. Does not reject. */
  ends(channels: readonly string[]): Promise<(ChannelEnd | undefined)[]>;
}

export interface ChannelEnd {
  /** The oldest id that is kept, above the last if none is. */
  readonly firstId: number;
  /** The newest id; 0 if nothing was ever appended. */
  readonly lastId: number;
  /** The newest timestamp given, milliseconds since the Unix epoch; 0 if nothing was ever appended. */
  readonly timestamp: number;
  /** The current epoch; empty if there is none. */
  readonly epoch: string;
  /** How often events were redacted. */
  readonly redactions: number;
  /** Whether it was deleted, and nothing was appended since. */
  readonly isDeleted: boolean;
}
