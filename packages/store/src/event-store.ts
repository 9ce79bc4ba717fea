import { randomBytes } from 'node:crypto';
import {
  type EventHeader,
  type EventInput,
  EventsError,
  type IndexDefinition,
  MAX_NAME_LENGTH,
  MAX_REASON_LENGTH,
  parseChannel,
  type Start,
} from '@ganomede/events-protocol';
import { type ConsumerCursor, epochAt, epochText, parseEpochText } from './consumer-cursor.js';
import { findAhead } from './consumers/ahead.js';
import { type ConsumerState, listConsumers } from './consumers/list-consumers.js';
import type { EventPage } from './events/event-page.js';
import { type Idempotency, idempotencyKeyReused, idempotencyRecord } from './events/idempotency.js';
import { serialiseEvents } from './events/serialise.js';
import { type FoundStart, findStart } from './find-start.js';
import { deleteChannel } from './forgetting/delete-channel.js';
import { type RedactedEvent, redactEvents } from './forgetting/redact-events.js';
import { type KeptEvents, type TrimPoint, trimChannel } from './forgetting/trim-channel.js';
import { Dispatcher } from './groups/dispatcher.js';
import {
  assertDelayMs,
  assertLeaseMs,
  checkSameOrder,
  type GivenGroupSettings,
  resolveGroupSettings,
  unknownGroup,
} from './groups/group-settings.js';
import type { GroupScope, GroupSettings, GroupState, Settlement } from './groups/group-storage.js';
import { Receive, type Received } from './groups/receive.js';
import { checkSameIndex, sortIndices } from './indices/index-definition.js';
import {
  type IndexCursor,
  IndexReader,
  type IndexRows,
  type ReadIndexOptions,
} from './indices/index-reader.js';
import { type ChannelRange, type ChannelState, listChannels } from './list-channels.js';
import { resolveOptions, type StoreOptions, type StoreSettings } from './options.js';
import { readAfter } from './read-after.js';
import { Sweeper } from './retention/sweeper.js';
import type { ChannelScope, ConsumerScope, IndexScope, Storage } from './storage.js';
import { LiveChannels } from './waiting/live-channels.js';
import { MissedNotifications } from './waiting/missed-notifications.js';
import type { Poll, PollSource, ReadCursor } from './waiting/poll.js';
import { type PollOptions, PromisedPoll } from './waiting/promised-poll.js';

/** Where to read backward: events of `channel` (a name as on the wire, `channel:type` included). */
export interface LatestCursor {
  readonly channel: string;
  /** Most events to return, at least 1. */
  readonly limit: number;
  /** Only events with a lower id; default: all. */
  readonly before?: number | undefined;
}

export interface AppendOptions {
  /** Default: sending the append again stores the events again. */
  readonly idempotency?: Idempotency | undefined;
  /** The events are stored only if this is the newest id of the channel name, 0 if it has none. Default: whatever it is. */
  readonly expectedLastId?: number | undefined;
}

/** What a worker says of an event that it was given, see `Settlement`. */
export type WorkerSettlement = Exclude<Settlement, { readonly kind: 'missed' }>;

export interface ReceiveOptions {
  /** Who works: any name. */
  readonly clientId: string;
  /** Most events to be given, at least 1. */
  readonly limit: number;
  /** How long they are the worker's, milliseconds; default: that of the group. */
  readonly leaseMs?: number | undefined;
  /** Where the group begins if there is none. Default: at the first event. */
  readonly start?: Start | undefined;
  /** Longest wait in milliseconds; 0 answers at once. */
  readonly timeoutMs: number;
  /** Ends the wait. What was handed out meanwhile is given back, uncounted. */
  readonly signal?: AbortSignal | undefined;
  /** What is to be settled in the same step, before anything is handed out. */
  readonly settle?: readonly WorkerSettlement[] | undefined;
}

/** A group on a channel name, and how it is. */
export interface GroupDescription extends Omit<GroupState, 'scope' | 'oldestPendingAt'> {
  /** How many events of the channel name it has not handed out yet, those that are held back among them. */
  readonly lag: number;
  /** How long ago the event that is out for the longest was handed out first; undefined if none is out. */
  readonly oldestPendingMs: number | undefined;
  /** The channel name as on the wire, `channel:type` included. */
  readonly channel: string;
  readonly group: string;
}

/** The calls that an observer is told of. */
export const STORE_CALLS = [
  'append',
  'read',
  'latest',
  'loadCursor',
  'saveCursor',
  'findStart',
  'createIndex',
  'indices',
  'readIndex',
  'saveGroup',
  'settle',
  'redrive',
  'groups',
  'deleteGroup',
  'channels',
  'consumers',
  'deleteConsumer',
  'deleteChannel',
  'trim',
  'redact',
  'ping',
] as const;
export type StoreCall = (typeof STORE_CALLS)[number];

/** Told of each call that has ended, how long it took in milliseconds, and why it was rejected if it was. Must not throw. */
export type StoreObserver = (call: StoreCall, durationMs: number, error: unknown) => void;

/**
 * Opens a store on a storage, which is opened once the options have been found to be valid.
 *
 * @throws RangeError (as a rejection) if an option is invalid
 * @throws what `openStorage` rejects with
 */
export async function openEventStore(
  openStorage: () => Storage | Promise<Storage>,
  options: StoreOptions = {},
): Promise<EventStore> {
  const settings = resolveOptions(options);
  return new EventStore(await openStorage(), settings);
}

/**
 * Named, append-only sequences of events, and the cursor of each consumer in them, on any storage.
 *
 * Every method rejects with an `EventsError`: `ServiceUnavailable` if the store cannot be reached, cannot
 * write, or is closed (retrying can help), `InvalidContent` if an event cannot be stored as JSON.
 * Channel names, ids and limits are expected to be valid by the schemas of the protocol.
 */
export class EventStore {
  readonly #storage: Storage;
  readonly #settings: StoreSettings;
  readonly #live: LiveChannels;
  readonly #polls: PollSource;
  readonly #indexReader: IndexReader;
  readonly #missed: MissedNotifications | undefined;
  readonly #sweeper: Sweeper;
  readonly #dispatcher: Dispatcher;
  readonly #observers = new Set<StoreObserver>();
  readonly #closed = new AbortController();
  /** What takes several steps at the storage. */
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  /** Use `openEventStore`. */
  constructor(storage: Storage, settings: StoreSettings) {
    const { hooks, retention, typedChannels } = settings;
    this.#storage = storage;
    this.#settings = settings;
    const live = new LiveChannels(storage.subscriptions);
    this.#live = live;
    storage.listen({
      appended: (channel, events, epoch, firstId) => live.push(channel, events, epoch, firstId),
      trimmed: (channel, firstId) => live.drop(channel, firstId),
      released: (scope) => live.wake(scope),
      missed: (channel) => live.reset(channel),
    });
    this.#polls = { live, hooks, read: (scope, cursor) => readAfter(storage, scope, cursor) };
    this.#indexReader = new IndexReader(
      storage,
      (index) => this.#indexScope(index),
      () => this.#assertOpen(),
    );
    this.#missed = storage.subscriptions && new MissedNotifications(live, storage.subscriptions);
    this.#sweeper = new Sweeper(storage, retention);
    const { groups } = storage;
    const assertOpen = () => this.#assertOpen();
    this.#dispatcher = new Dispatcher({ storage, groups, typedChannels, retention, assertOpen });
  }

  /** Whether `channel:type` names one type of a channel. */
  get typedChannels(): boolean {
    return this.#settings.typedChannels;
  }

  /** Number of requests that wait now. */
  get waiting(): number {
    return this.#live.waiting;
  }

  /** From now on `observer` is told of every call that has ended, except those that wait; until what is returned is called. */
  observe(observer: StoreObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /**
   * Appends events to a channel: all or none, with consecutive ids, in the given order; of each what an `EventInput`
   * has and nothing else.
   * Resolves once they are stored as durably as the store can and every reader can see them.
   * A reader that sees id n can see every id below n.
   *
   * With `idempotency` it is safe to send again: within the window the same (clientId, channel name, key) resolves
   * with the headers of the first append and stores nothing, wherever and however often it is sent, at the same
   * time too. An append that was rejected and not stored does not use its key up. Rejects with EventsError
   * `IdempotencyKeyReused` if the key was used for other events.
   *
   * With `expectedLastId` nothing is stored unless that is the newest id of the channel, or, of `channel:type`, the newest
   * that is kept of the type (0 if none is); under any number of writers one of those who expect the same id succeeds. Others
   * are rejected with EventsError `UnexpectedLastId`, which has the `lastId` that there is. An append that is known again by
   * its idempotency resolves before that is looked at.
   */
  append(
    name: string,
    inputs: readonly EventInput[],
    { idempotency, expectedLastId }: AppendOptions = {},
  ): Promise<EventHeader[]> {
    return this.#run('append', async () => {
      const { channel, type } = this.#scope(name);
      const { typedChannels, retention, idempotencyWindowMs } = this.#settings;
      // Serialised before it is queued: what has no JSON text fails alone.
      const events = serialiseEvents(name, inputs, typedChannels);
      if (events.length === 0) return [];
      let bytes = 0;
      for (const { text } of events) bytes += text.length;
      const outcome = await this.#storage.append({
        channel,
        events,
        bytes,
        maxEvents: retention.of(channel).maxEvents,
        idempotency: idempotency && idempotencyRecord(name, idempotency, events, idempotencyWindowMs),
        condition: expectedLastId === undefined ? undefined : { lastId: expectedLastId, type },
      });
      if (outcome.kind === 'key-reused') throw idempotencyKeyReused(idempotency as Idempotency);
      if (outcome.kind === 'unexpected-last-id') throw unexpectedLastId(name, expectedLastId, outcome.lastId);
      const { firstId, timestamp } = outcome;
      return events.map((_, i) => ({ id: firstId + i, timestamp }));
    });
  }

  /**
   * Events after a cursor, ascending by id, without waiting. At most `limit`; fewer than there are if they
   * would hold more than about `MAX_PAGE_BYTES` of JSON, but never none of them. A cursor before the oldest
   * event kept reads from there on. One that has seen events which the store no longer has (it came back older, or empty)
   * reads behind the last one that it has seen and the store still has; `rewoundTo` of the page then says which that is.
   * That is found out by the `epoch` of the cursor; without it only a cursor ahead of the newest id is noticed, and has seen
   * nothing here but what was brought from another store.
   */
  read(cursor: ReadCursor): Promise<EventPage> {
    return this.#run('read', async () => readAfter(this.#storage, this.#scope(cursor.channel), cursor));
  }

  /**
   * The newest events of a channel, or the newest below `before`; ascending by id, without waiting. At most
   * `limit`; if they would hold more than about `MAX_PAGE_BYTES` of JSON the newest of them, one at least.
   */
  latest({ channel: name, before, limit }: LatestCursor): Promise<EventPage> {
    return this.#run('latest', async () => {
      const { channel, type } = this.#scope(name);
      return (await this.#storage.scan({ channel, type, before, limit })).reversed();
    });
  }

  /**
   * Reads, and if there is nothing new waits for the next event. Resolves with an empty page after
   * `timeoutMs`, when `signal` aborts, and when the store closes. Rejects if the store is away when it begins;
   * once it waits it waits on.
   *
   * A cursor that has seen what the store no longer has is taken back as `read` does it, also if the store comes back older
   * while the poll waits.
   */
  poll(cursor: ReadCursor, options: PollOptions): Promise<EventPage> {
    const poll = new PromisedPoll(options);
    this.start(poll, cursor);
    return poll.page;
  }

  /** Does what `poll` does for those who have an object for each request anyway: tens of thousands may wait at once. */
  start(poll: Poll, cursor: ReadCursor): void {
    try {
      const scope = this.#scope(cursor.channel);
      // What is in memory could answer, but there is no knowing whether it is the newest.
      this.#storage.assertReachable?.(scope.channel);
      poll.start(this.#polls, scope, cursor);
    } catch (error) {
      poll.failed(error);
    }
  }

  /**
   * The saved cursor of a consumer on a channel name. If none was saved it is at `start`: at 0, or at a place that is saved in
   * the same step as it is found that there is none, so that all who look at once begin at one place and miss nothing behind it.
   */
  loadCursor(clientId: string, name: string, start: Start = 'first'): Promise<ConsumerCursor> {
    return this.#run('loadCursor', async () => {
      const consumer = this.#consumer(clientId, name);
      let saved = await this.#storage.cursors.load(consumer);
      if (saved === undefined && start !== 'first') {
        const { after, epoch } = await findStart(this.#storage, consumer.channel, start);
        saved = await this.#storage.cursors.create(consumer, after, epoch);
      }
      return { after: saved?.after ?? 0, ...parseEpochText(saved?.epoch) };
    });
  }

  /**
   * Where a start is in a channel now: 0, behind the newest event, or before the first one that has this timestamp or a later
   * one; behind the newest if there is none, as for a time to come. For `channel:type` it is an id of the channel, which
   * serves there as well. A time costs a read of one event for each power of two that the channel holds.
   */
  cursorAt(name: string, start: Start): Promise<FoundStart> {
    return this.#run('findStart', async () => findStart(this.#storage, this.#scope(name).channel, start));
  }

  /**
   * Saves the cursor of a consumer, even if it is lower than the saved one. If the consumer tells no epoch, it is judged by
   * the cursor that was saved before. Resolves with the cursor and its epoch, undefined if none was ever told.
   */
  saveCursor(clientId: string, name: string, after: number, epoch?: string): Promise<ConsumerCursor> {
    return this.#run('saveCursor', async () => {
      const consumer = this.#consumer(clientId, name);
      const saved = await this.#storage.cursors.save(consumer, after, epoch);
      if (epoch !== undefined || saved === undefined) return { after, epoch };
      const before = { after: saved.after, ...parseEpochText(saved.epoch) };
      const cursor = { ...before, after, epoch: epochAt(before, after) };
      // What was told of a rewind is told again if it has to be.
      if (before.rewoundInto !== undefined) await this.#storage.cursors.save(consumer, after, cursor.epoch);
      return cursor;
    });
  }

  /** A consumer at `after` is given events of this epoch. Changes nothing if its saved cursor is elsewhere. */
  saveEpoch(clientId: string, name: string, after: number, epoch: string): Promise<void> {
    return this.#run('saveCursor', () =>
      this.#storage.cursors.setEpoch(this.#consumer(clientId, name), after, epoch),
    );
  }

  /**
   * A consumer at `after`, an event of the epoch `epoch` that is lost, is told so, and given events of the epoch `into` (empty:
   * there are none). Until its cursor moves it is judged as before, since the answer may not arrive.
   */
  saveRewind(clientId: string, name: string, after: number, epoch: string, into: string): Promise<void> {
    return this.#run('saveCursor', async () => {
      await this.#storage.cursors.save(this.#consumer(clientId, name), after, epochText(epoch, into));
    });
  }

  /**
   * Defines an index of a channel (a name as on the wire, `channel:type` included) by a field of its events, a path
   * such as `data.username`, `data.tags.0` or `type`. Repeating a definition is fine. Rejects with EventsError
   * `Conflict` if the id has another definition. Resolves once it is defined; what is in the channel already is
   * taken in the background, in small steps, until that is done or the store closes. Repeating the definition goes on.
   */
  createIndex(index: IndexDefinition): Promise<void> {
    return this.#run('createIndex', async () => {
      this.#scope(index.channel);
      assertLength('index ID', index.id);
      assertLength('field', index.field);
      checkSameIndex(await this.#storage.indices.create(index), index);
      if (this.#closing === undefined) this.#indexReader.build(index);
    });
  }

  /** All definitions, sorted by id. */
  indices(): Promise<IndexDefinition[]> {
    return this.#run('indices', async () => {
      this.#assertOpen();
      return sortIndices(await this.#storage.indices.definitions());
    });
  }

  /**
   * The events of the index's channel whose field is `value`, newest first, without waiting: every event that was
   * acknowledged before the call and is kept, those from before the index too. Strings are found as they are,
   * numbers and booleans by their JSON text, anything else not at all. Bounded as `latest` is. Rejects with
   * EventsError `ResourceNotFound` if there is no such index.
   *
   * The index catches up with its channel first, a step at a time: a read of an index of a long channel that has not been
   * built yet takes as long as reading the rest of the channel does, and writes to the store.
   */
  readIndex(cursor: IndexCursor, options: ReadIndexOptions = {}): Promise<IndexRows> {
    return this.#run('readIndex', async () => {
      this.#assertOpen();
      return this.#indexReader.read(cursor, options);
    });
  }

  /**
   * Creates a group of workers on a channel name (`channel:type` included), which begins at `start`; changes its settings if it
   * exists. What is not given has its default. Rejects with EventsError `InvalidContent` if a setting is beyond its
   * bounds or dead letters would go to the channel of the group, `Conflict` if the group exists with another order, which
   * cannot be changed.
   */
  saveGroup(
    name: string,
    group: string,
    given: GivenGroupSettings = {},
    start: Start = 'first',
  ): Promise<{ readonly isNew: boolean; readonly settings: GroupSettings }> {
    return this.#run('saveGroup', async () => {
      const scope = this.#groupScope(name, group);
      const settings = resolveGroupSettings(scope, given, this.#settings.typedChannels);
      const { groups } = this.#storage;
      const after = await this.#dispatcher.startOf(scope, start);
      const saved = await groups.save(scope, settings, { after, changes: true });
      checkSameOrder(group, saved.settings, settings);
      return saved;
    });
  }

  /**
   * Hands out events of a channel name to one worker of a group, which has the defaults and begins at `start` if there is
   * none. Each is leased: until it is settled, or its lease has ended, nobody else is given it. So an event is delivered at
   * least once; once it was acknowledged it is not again. Those whose turn has come again come first, then new ones.
   *
   * If there is nothing to hand out it waits: an append, what others release, and leases that end wake it. It resolves without
   * events after `timeoutMs`, when `signal` aborts, and when the store closes. Rejects if the store is away when it begins, and
   * then what was to be settled may be settled or not; once it waits it waits on. Rejects with EventsError `ResourceNotFound` if
   * the group is deleted while it waits.
   *
   * An event that was delivered too often is noticed, and its dead letter written, when somebody receives, whoever that is.
   */
  async receive(name: string, group: string, options: ReceiveOptions): Promise<Received> {
    const { clientId, limit, leaseMs, start, timeoutMs, signal, settle = [] } = options;
    const scope = this.#groupScope(name, group);
    assertLength('Client ID', clientId);
    assertLeaseMs(leaseMs);
    const settlements = settle.map(checkedSettlement);
    this.#storage.assertReachable?.(scope.channel);
    const take = { clientId, limit, leaseMs, token: randomBytes(12).toString('base64url') };
    const receive = new Receive(
      { scope, take, start, settle: settlements, timeoutMs, signal },
      this.#dispatcher,
    );
    receive.start(this.#polls);
    return receive.received;
  }

  /**
   * Takes what a worker says of events that it was given. Resolves with whether each held; one that does not (its lease has ended
   * and the event was given to another, or it was settled before) changes nothing. Once this has resolved the dead letters of
   * events that it has ended are written, unless their channel is out of reach: then whoever receives writes them.
   * Rejects with EventsError `ResourceNotFound` if there is no such group.
   */
  settle(name: string, group: string, settlements: readonly WorkerSettlement[]): Promise<readonly boolean[]> {
    return this.#run('settle', async () => {
      const scope = this.#groupScope(name, group);
      const settle = settlements.map(checkedSettlement);
      const answer = await this.#dispatcher.ask({
        scope,
        settle,
        take: undefined,
        creates: false,
        live: undefined,
        isSure: true,
      });
      if (answer === undefined) throw unknownGroup(scope, name);
      return answer.settled;
    });
  }

  /**
   * Hands out dead letters of a group again, as if they had not been delivered yet: those of the events `ids`, or the oldest; at
   * most `limit`. The dead letters themselves stay in their channel. Resolves with the ids of their events, ascending. Rejects
   * with EventsError `ResourceNotFound` if there is no such group.
   */
  redrive(
    name: string,
    group: string,
    { ids, limit }: { readonly ids?: readonly number[] | undefined; readonly limit: number },
  ): Promise<readonly number[]> {
    return this.#run('redrive', async () => {
      const scope = this.#groupScope(name, group);
      const redriven = await this.#storage.groups.redrive(scope, { ids, limit });
      if (redriven === undefined) throw unknownGroup(scope, name);
      return redriven;
    });
  }

  /** The groups on a channel name; on a channel without a type also those on its types. Sorted by channel name and group. */
  groups(name: string): Promise<GroupDescription[]> {
    return this.#run('groups', async () => {
      const { channel, type } = this.#scope(name);
      const all = await this.#storage.groups.list(channel);
      const states = all.filter(({ scope }) => type === undefined || scope.type === type);
      const cursors = states.map(({ scope, after }) => ({ type: scope.type, after }));
      const ahead = await findAhead(this.#storage, channel, cursors);
      const now = Date.now();
      return states
        .map(({ scope, oldestPendingAt, ...state }, i) => ({
          channel: scope.type === undefined ? channel : `${channel}:${scope.type}`,
          group: scope.group,
          lag: (ahead[i]?.lag ?? 0) + state.heldBack,
          // By the clock of another machine it may be to come.
          oldestPendingMs: oldestPendingAt === undefined ? undefined : Math.max(0, now - oldestPendingAt),
          ...state,
        }))
        .sort((a, b) => compare(a.channel, b.channel) || compare(a.group, b.group));
    });
  }

  /** Removes a group with everything of it; its dead letters stay in their channel. Whether there was one. */
  deleteGroup(name: string, group: string): Promise<boolean> {
    return this.#run('deleteGroup', async () => this.#storage.groups.delete(this.#groupScope(name, group)));
  }

  /** The channels that there are, sorted by the UTF-8 bytes of their names, page by page. */
  channels(range: ChannelRange): Promise<ChannelState[]> {
    return this.#run('channels', async () => {
      this.#assertOpen();
      return listChannels(this.#storage, range);
    });
  }

  /**
   * The consumers that have a cursor on a channel name, if that is a whole channel also those on its types, and how far behind
   * each is. Sorted by the UTF-8 bytes of their clientIds, then by channel name; of the first `limit` clientIds after `after` (default: of
   * all) each with all of its cursors.
   */
  consumers(
    name: string,
    { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<ConsumerState[]> {
    return this.#run('consumers', async () => {
      const scope = this.#scope(name);
      const types = this.#settings.typedChannels && scope.type === undefined;
      return listConsumers(this.#storage, scope, { types, after, limit });
    });
  }

  /** Forgets the cursor of a consumer on a channel name. Rejects with EventsError `ResourceNotFound` if none was saved. */
  deleteConsumer(clientId: string, name: string): Promise<void> {
    return this.#run('deleteConsumer', async () => {
      if (await this.#storage.cursors.delete(this.#consumer(clientId, name))) return;
      throw new EventsError(
        'ResourceNotFound',
        `Client ${JSON.stringify(clientId)} has no cursor on channel ${JSON.stringify(name)}`,
      );
    });
  }

  /**
   * Removes a whole channel: events, cursors, groups and indices. If it is used again its ids go on. Rejects with EventsError
   * `ResourceNotFound` if there never was one. If it is broken off, calling it again does the rest.
   */
  deleteChannel(name: string): Promise<void> {
    return this.#run('deleteChannel', () =>
      this.#untilDone(() =>
        deleteChannel(this.#storage, this.#wholeChannel(name), (each) => this.#scope(each)),
      ),
    );
  }

  /**
   * Drops the events of a whole channel that lie before an id or a time, and resolves with what is left once they are gone from
   * the store and its indices. Rejects with EventsError `ResourceNotFound` if there is no such channel, `InvalidContent` if the
   * time is still to come.
   */
  trim(name: string, before: TrimPoint): Promise<KeptEvents> {
    return this.#run('trim', () =>
      this.#untilDone(() =>
        trimChannel(
          ...([
            this.#storage,
            this.#wholeChannel(name),
            before,
            (each: string) => this.#scope(each),
          ] as const),
          this.#closed.signal,
        ),
      ),
    );
  }

  /**
   * Takes all that publishers have said in these events but `from` and `type` out of the store, its indices and the memory of
   * every process; readers get them with `redacted: true` from then on. Resolves with what became of each, in the order of
   * `ids`. Rejects with EventsError `ResourceNotFound` if there is no such channel. Safe to call again.
   */
  redact(name: string, ids: readonly number[]): Promise<RedactedEvent[]> {
    return this.#run('redact', () =>
      this.#untilDone(async () => {
        const channel = this.#wholeChannel(name);
        const outcomes = await redactEvents(this.#storage, channel, ids, (each) => this.#scope(each));
        // Its own notification may still be on the way.
        this.#live.reset(channel);
        return outcomes;
      }),
    );
  }

  /** Resolves if the store can be reached now. */
  ping(): Promise<void> {
    return this.#run('ping', async () => {
      this.#assertOpen();
      await this.#storage.ping?.();
    });
  }

  /** Ends every waiting poll with an empty page, finishes running writes and frees everything. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#live.close();
    this.#missed?.close();
    this.#closed.abort();
    await Promise.all([this.#sweeper.close(), this.#indexReader.idle(), this.#dispatcher.idle()]);
    await Promise.allSettled(this.#running);
    await this.#storage.close();
  }

  /** The channel that a name leads to, which has the sequence of ids: of `channel:type` the one before the `:`. */
  channelOf(name: string): string {
    return this.#scope(name).channel;
  }

  /** Where a channel name points to, in a store that is open. */
  #scope(name: string): ChannelScope {
    this.#assertOpen();
    assertLength('Channel', name);
    return parseChannel(name, this.#settings.typedChannels);
  }

  /** The name of a channel that is no type of one. */
  #wholeChannel(name: string): string {
    const { channel, type } = this.#scope(name);
    if (type === undefined) return channel;
    throw new EventsError(
      'InvalidContent',
      `Invalid Channel: expected a whole channel, got ${JSON.stringify(name)}, which is one type of it`,
    );
  }

  /** The storage is open until it has ended. */
  async #untilDone<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  #consumer(clientId: string, name: string): ConsumerScope {
    const { channel, type } = this.#scope(name);
    assertLength('Client ID', clientId);
    return { clientId, channel, type };
  }

  #indexScope({ channel: name, field }: IndexDefinition): IndexScope {
    const { channel, type } = this.#scope(name);
    return { channel, type, field };
  }

  #groupScope(name: string, group: string): GroupScope {
    const { channel, type } = this.#scope(name);
    assertLength('group', group);
    return { channel, type, group };
  }

  #assertOpen(): void {
    if (this.#closing) throw storeClosed();
  }

  /** Tells the observers when it has ended. */
  #run<T>(call: StoreCall, work: () => Promise<T>): Promise<T> {
    if (this.#observers.size === 0) return work();
    const started = performance.now();
    const running = work();
    const ended = (error: unknown) => {
      const durationMs = performance.now() - started;
      for (const observer of this.#observers) observer(call, durationMs, error);
    };
    running.then(() => ended(undefined), ended);
    return running;
  }
}

/** What every method of a closed store rejects with. */
export function storeClosed(): EventsError {
  return new EventsError('ServiceUnavailable', 'The event store is closed');
}

/** @throws EventsError `InvalidContent` if a time in it is beyond its bounds */
function checkedSettlement(settlement: WorkerSettlement): WorkerSettlement {
  if (settlement.kind === 'extend') assertLeaseMs(settlement.leaseMs);
  if (settlement.kind === 'release') assertDelayMs(settlement.delayMs);
  if (!('reason' in settlement) || settlement.reason === undefined) return settlement;
  // Half of a surrogate pair, which a cut leaves too, is no text for an engine.
  const reason = Buffer.from(settlement.reason.slice(0, MAX_REASON_LENGTH)).toString();
  return { ...settlement, reason };
}

/** In the order of their UTF-16 code units. */
function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function unexpectedLastId(name: string, expected: number | undefined, lastId: number): EventsError {
  const message = `Invalid expectedLastId: expected the newest id of ${JSON.stringify(name)}, which is ${lastId}, got ${expected}`;
  return new EventsError('UnexpectedLastId', message, { lastId });
}

/** Engines make keys of names, and not all of them take any length. */
function assertLength(what: string, name: string): void {
  if (name.length > 0 && name.length <= MAX_NAME_LENGTH) return;
  throw new EventsError(
    'InvalidContent',
    `Invalid ${what}: expected 1 to ${MAX_NAME_LENGTH} characters, got ${name.length}`,
  );
}
