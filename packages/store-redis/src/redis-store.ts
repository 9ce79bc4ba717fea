import {
  type ChannelAddress,
  type EventHeader,
  type EventInput,
  type IndexDefinition,
  parseChannel,
} from '@ganomede/events-protocol';
import {
  type AppendOptions,
  type EventPage,
  type EventStore,
  type IndexCursor,
  IndexReader,
  type IndexRows,
  idempotencyRecord,
  idempotencyWindow,
  type LatestCursor,
  LiveChannels,
  serialiseEvents,
  type PollOptions,
  poll,
  type ReadCursor,
  type StoreHooks,
  storeClosed,
} from '@ganomede/events-store';
import { Appender } from './appender.js';
import { BackwardReader } from './backward-reader.js';
import { Connection } from './connection.js';
import { Cursors } from './cursors.js';
import { Indices } from './indices.js';
import { Keys } from './keys.js';
import { checkVersion, notices } from './notices.js';
import { parseNotification } from './notification.js';
import type { RedisStoreOptions } from './options.js';
import { Reader } from './reader.js';
import { Registry } from './registry.js';
import { Rounds } from './rounds.js';
import { SafetyRead } from './safety-read.js';
import { Subscriber } from './subscriber.js';
import { Sweeper } from './sweeper.js';

/**
 * Opens an event store on Redis 7 or newer, or on a Redis Cluster. Any number of stores, in any number of
 * processes, may use the same keys.
 *
 * An append resolves once Redis has it and every reader can see it, and, with `minReplicas`, that many replicas;
 * how long Redis keeps it is a matter of its persistence (see the README). While Redis is away every method
 * rejects at once, polls that wait already wait on, and all goes on once it is back.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) where Redis cannot be reached within
 * `connectTimeoutMs`, refuses, or is too old. The message names the address.
 * @throws RangeError (as a rejection) where an option is invalid.
 */
export async function createRedisStore(options: RedisStoreOptions): Promise<EventStore> {
  const {
    minReplicas = 0,
    replicaTimeoutMs = 1_000,
    connectTimeoutMs = 5_000,
    commandTimeoutMs = 3_000,
  } = options;
  const onWarning = options.onWarning ?? (() => {});
  const idempotencyWindowMs = idempotencyWindow(options);
  checkInteger('minReplicas', minReplicas, 0);
  checkInteger('replicaTimeoutMs', replicaTimeoutMs, 1);
  const keys = new Keys(options.keyPrefix ?? 'events:');
  const connection = await Connection.open(options, { connectTimeoutMs, commandTimeoutMs, onWarning });
  try {
    await checkVersion(connection);
    for (const notice of await notices(connection)) onWarning(notice);
    const settings = { maxEvents: options.retention?.maxEvents ?? 0, idempotencyWindowMs };
    if (minReplicas === 0) {
      return new RedisStore([connection], keys, new Appender(connection, keys, settings), options);
    }
    // A round may wait for the replicas in full and then has the time of any command left.
    const waiting = await connection.another({
      connectTimeoutMs,
      commandTimeoutMs: commandTimeoutMs + replicaTimeoutMs,
    });
    const rounds = new Rounds(waiting, { minReplicas, replicaTimeoutMs });
    const appender = new Appender(waiting, keys, settings, rounds);
    return new RedisStore([connection, waiting], keys, appender, options);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** @throws RangeError */
function checkInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`Invalid ${name}: expected an integer from ${least}, got ${value}`);
}

class RedisStore implements EventStore {
  readonly hooks: StoreHooks;
  readonly live: LiveChannels;
  readonly #connections: readonly Connection[];
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #backwardReader: BackwardReader;
  readonly #cursors: Cursors;
  readonly #indices: Indices;
  readonly #indexReader: IndexReader;
  readonly #registry: Registry;
  readonly #subscriber: Subscriber;
  readonly #sweeper: Sweeper;
  readonly #safetyTimer: NodeJS.Timeout;
  readonly #typedChannels: boolean;
  /** Commands that were sent, other than appends and cursors. */
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(
    connections: readonly [Connection, ...Connection[]],
    keys: Keys,
    appender: Appender,
    options: RedisStoreOptions,
  ) {
    this.#connections = connections;
    const [connection] = connections;
    this.#connection = connection;
    this.#keys = keys;
    this.#appender = appender;
    this.#reader = new Reader(connection, keys);
    this.#backwardReader = new BackwardReader(connection, keys, this.#reader);
    this.#cursors = new Cursors(connection, keys);
    this.#typedChannels = options.typedChannels ?? true;
    this.#indices = new Indices(connection, keys, this.#backwardReader, this.#typedChannels);
    this.#indexReader = new IndexReader(this.#indices, (cursor) => this.read(cursor));
    this.#registry = new Registry(connection, keys);
    this.#subscriber = new Subscriber(connection, keys, {
      confirmed: (channel) => this.live.reset(channel),
      message: (channel, message) => this.#notified(channel, message),
    });
    this.live = new LiveChannels(this.#subscriber);
    this.hooks = options.hooks ?? {};
    this.#sweeper = new Sweeper(connection, keys, options.retention ?? {});
    this.#sweeper.start();
    const safetyRead = new SafetyRead(this.live, connection, keys);
    this.#safetyTimer = setInterval(() => {
      this.#subscriber.check();
      void safetyRead.run();
    }, options.safetyReadMs ?? 5_000).unref();
  }

  get waiting(): number {
    return this.live.waiting;
  }

  async append(
    name: string,
    inputs: readonly EventInput[],
    { idempotency }: AppendOptions = {},
  ): Promise<EventHeader[]> {
    const { channel } = this.#address(name);
    // Serialised before it is queued: what has no JSON text fails alone.
    const events = serialiseEvents(name, inputs, this.#typedChannels);
    if (events.length === 0) return [];
    this.#registry.add(channel);
    const mark = idempotency && idempotencyRecord(name, idempotency, events);
    return this.#appender.append(channel, events, mark);
  }

  async read(cursor: ReadCursor): Promise<EventPage> {
    return this.#reader.read(this.#address(cursor.channel), cursor);
  }

  async latest(cursor: LatestCursor): Promise<EventPage> {
    return this.#backwardReader.latest(this.#address(cursor.channel), cursor);
  }

  poll(cursor: ReadCursor, options: PollOptions): Promise<EventPage> {
    // Not `async`, as thousands may wait.
    try {
      const address = this.#address(cursor.channel);
      // What is in memory could answer, but there is no knowing whether it is the newest.
      this.#connection.check(this.#keys.of(address.channel).channel);
      return poll(this, address, cursor, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async loadCursor(clientId: string, name: string): Promise<number> {
    return this.#cursors.load(clientId, this.#address(name));
  }

  async saveCursor(clientId: string, name: string, after: number): Promise<void> {
    return this.#cursors.save(clientId, this.#address(name), after);
  }

  async createIndex(index: IndexDefinition): Promise<void> {
    this.#keys.of(this.#address(index.channel).channel);
    await this.#finish(this.#indices.create(index));
  }

  async indices(): Promise<IndexDefinition[]> {
    this.#assertOpen();
    return this.#indices.definitions();
  }

  async readIndex(cursor: IndexCursor): Promise<IndexRows> {
    this.#assertOpen();
    return this.#finish(this.#indexReader.read(cursor));
  }

  async ping(): Promise<void> {
    this.#assertOpen();
    await this.#connection.ping();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#safetyTimer);
    this.live.close();
    this.#subscriber.close();
    await Promise.all([
      this.#appender.idle(),
      this.#cursors.idle(),
      this.#sweeper.close(),
      Promise.allSettled(this.#running),
    ]);
    for (const connection of this.#connections) connection.close();
  }

  #notified(channel: string, message: Buffer): void {
    const { firstId, appended, events } = parseNotification(message);
    if (events.length > 0) {
      this.live.push(channel, events, firstId);
      return;
    }
    if (appended) this.live.reset(channel);
    this.live.drop(channel, firstId);
  }

  /** Where a channel name points to, in a store that is open. */
  #address(name: string): ChannelAddress {
    this.#assertOpen();
    return parseChannel(name, this.#typedChannels);
  }

  #assertOpen(): void {
    if (this.#closing) throw storeClosed();
  }

  /** Lets a command that was sent finish before the store closes. */
  async #finish<T>(running: Promise<T>): Promise<T> {
    this.#running.add(running);
    return running.finally(() => this.#running.delete(running));
  }
}
