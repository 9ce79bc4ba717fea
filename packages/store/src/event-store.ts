import type { EventHeader, EventInput, IndexDefinition } from '@ganomede/events-protocol';
import type { EventBatch } from './event-batch.js';

/** Where to read: events of `channel` (a name as on the wire, `channel:type` included) with id > `after`. */
export interface ReadCursor {
  readonly channel: string;
  /** Id of the last event already seen; 0 for the start. */
  readonly after: number;
  /** Most events to return, at least 1. */
  readonly limit: number;
}

/** Where to read backward: events of `channel` (a name as on the wire, `channel:type` included). */
export interface LatestCursor {
  readonly channel: string;
  /** Most events to return, at least 1. */
  readonly limit: number;
  /** Only events with a lower id; default: all. */
  readonly before?: number | undefined;
}

/** What to look for in an index. */
export interface IndexCursor {
  /** Id of the index. */
  readonly id: string;
  /** The string that the field is to be; the JSON text of a number or a boolean. */
  readonly value: string;
  /** Most events to return, at least 1. */
  readonly limit: number;
  /** Only events with a lower id; default: all. */
  readonly before?: number | undefined;
}

export interface IndexRows {
  readonly index: IndexDefinition;
  /** Newest first. */
  readonly rows: EventBatch;
}

/** Names one append of one client on one channel name, so that it can be sent again. */
export interface Idempotency {
  readonly clientId: string;
  /** 1 to 255 characters. */
  readonly key: string;
}

export interface AppendOptions {
  /** Default: sending the append again stores the events again. */
  readonly idempotency?: Idempotency | undefined;
}

/** What a `PollSignal` calls, as an `AbortSignal` does: an object, so that a poll that waits needs no function of its own. */
export interface PollListener {
  handleEvent(): void;
}

/** What a poll needs of an `AbortSignal`, so that something lighter may stand for one. */
export interface PollSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: PollListener, options?: { readonly once: true }): void;
  removeEventListener(type: 'abort', listener: PollListener): void;
}

export interface PollOptions {
  /** Longest wait in milliseconds; 0 answers at once. */
  readonly timeoutMs: number;
  /** Ends the wait; the poll then resolves with an empty batch, as on a time-out. */
  readonly signal?: PollSignal | undefined;
}

/** Seams for tests that force a race by construction. Not for production use. */
export interface StoreHooks {
  /** Awaited by a poll that has found nothing, right before it starts waiting. */
  readonly beforeWait?: (channel: string) => void | Promise<void>;
}

/** Which events a channel forgets. Ids go on counting, whatever is forgotten. */
export interface Retention {
  /**
   * Events older than so many milliseconds are dropped, in channels that nothing is appended to as well, soon
   * after: within a tenth of the age, but not more often than once a second and at least once a minute.
   */
  readonly maxAgeMs?: number | undefined;
  /** The newest so many events of a channel are kept; up to a tenth more may be for a while. */
  readonly maxEvents?: number | undefined;
}

/** What every store accepts when it is opened. */
export interface StoreOptions {
  /** Whether `channel:type` reads one type of a channel (default), or every name is one opaque channel. */
  readonly typedChannels?: boolean;
  /** Default: everything is kept. */
  readonly retention?: Retention;
  /** How long an idempotency key is remembered after its append, milliseconds, an integer from 1. Default 600 000. */
  readonly idempotencyWindowMs?: number | undefined;
  readonly hooks?: StoreHooks;
}

/**
 * Named, append-only sequences of events, and the place of each consumer in them.
 *
 * Every method rejects with an `EventsError`: `ServiceUnavailable` where the store cannot be reached, cannot
 * write, or is closed (retrying can help), `InvalidContent` where an event cannot be stored as JSON.
 * Channel names, ids and limits are expected to be valid by the schemas of the protocol.
 */
export interface EventStore {
  /**
   * Appends events to a channel: all or none, with consecutive ids, in the given order; of each what an `EventInput`
   * has and nothing else.
   * Resolves once they are stored as durably as the store can and every reader can see them.
   * A reader that sees id n can see every id below n.
   *
   * With `idempotency` it is safe to send again: within the window the same (clientId, channel name, key) resolves
   * with the headers of the first append and stores nothing, wherever and however often it is sent, at the same
   * time too. An append that was rejected and not stored does not use its key up. Rejects with EventsError
   * `IdempotencyKeyReused` where the key was used for other events.
   */
  append(channel: string, events: readonly EventInput[], options?: AppendOptions): Promise<EventHeader[]>;

  /**
   * Events after a cursor, ascending by id, without waiting. At most `limit`; fewer than there are where they
   * would hold more than about `MAX_BATCH_BYTES` of JSON, but never none of them. A cursor before the oldest
   * event kept reads from there on; one ahead of the newest reads nothing. The position in the batch tells both.
   */
  read(cursor: ReadCursor): Promise<EventBatch>;

  /**
   * The newest events of a channel, or the newest below `before`; ascending by id, without waiting. At most
   * `limit`; where they would hold more than about `MAX_BATCH_BYTES` of JSON the newest of them, one at least.
   */
  latest(cursor: LatestCursor): Promise<EventBatch>;

  /**
   * Reads, and where there is nothing new waits for the next event. Resolves with an empty batch after
   * `timeoutMs`, when `signal` aborts, and when the store closes. Rejects where the store is away when it begins;
   * once it waits it waits on.
   *
   * A cursor ahead of the newest id (the store came back empty, or older than it was) is taken as the newest id:
   * the poll gets the next event that is appended, though its id is lower than `after`. `lastId` of the batch
   * being lower than `after` tells the consumer that the store has lost events.
   */
  poll(cursor: ReadCursor, options: PollOptions): Promise<EventBatch>;

  /** The saved cursor of a consumer on a channel name: the id of the last event seen, 0 where none was saved. */
  loadCursor(clientId: string, channel: string): Promise<number>;

  /** Saves the cursor of a consumer, even where it is lower than the saved one (a rewind). */
  saveCursor(clientId: string, channel: string, after: number): Promise<void>;

  /**
   * Defines an index of a channel (a name as on the wire, `channel:type` included) by a field of its events, a path
   * such as `data.username`, `data.tags.0` or `type`. Repeating a definition is fine. Rejects with EventsError
   * `Conflict` where the id has another definition.
   */
  createIndex(index: IndexDefinition): Promise<void>;

  /** All definitions, sorted by id. */
  indices(): Promise<IndexDefinition[]>;

  /**
   * The events of the index's channel whose field is `value`, newest first, without waiting: every event that was
   * acknowledged before the call and is kept, those from before the index too. Strings are found as they are,
   * numbers and booleans by their JSON text, anything else not at all. Bounded as `latest` is. Rejects with
   * EventsError `ResourceNotFound` where there is no such index.
   *
   * The index catches up with its channel first, a step at a time: the first read of an index of a long channel takes
   * as long as reading the channel does, and writes to the store.
   */
  readIndex(cursor: IndexCursor): Promise<IndexRows>;

  /** Resolves where the store can be reached now. */
  ping(): Promise<void>;

  /** Number of polls waiting now. */
  readonly waiting: number;

  /** Ends every waiting poll with an empty batch, finishes running writes and frees everything. */
  close(): Promise<void>;
}
