import type {
  Append,
  AppendOutcome,
  ChannelStorage,
  CursorStorage,
  EventPage,
  GroupStorage,
  IndexStorage,
  Scan,
  Storage,
  StorageListener,
  Subscriptions,
  TransferStorage,
} from '@ganomede/events-store';
import { Appender } from './appender.js';
import { ChannelList } from './channel-list.js';
import { Channels } from './channels.js';
import { Connection } from './connection.js';
import { Cursors } from './cursors.js';
import { EventReader } from './event-reader.js';
import { Groups } from './groups.js';
import { Indices } from './indices.js';
import { Keys } from './keys.js';
import { openLayout } from './layout.js';
import type { RedisStoreOptions } from './options.js';
import { originalWarning } from './original/find-original.js';
import { checkPermissions } from './permissions.js';
import { ReplicationWait } from './replication-wait.js';
import { Scanner } from './scan.js';
import { checkKind, findWarnings } from './server-checks.js';
import { Subscriber } from './subscriber.js';
import { SweepLease } from './sweep-lease.js';
import { Transfer } from './transfer.js';

/** Events, cursors, groups and indices in one Redis, or in a Redis Cluster. Its keys are in keys.ts. */
export class RedisStorage implements Storage {
  readonly cursors: CursorStorage;
  readonly groups: GroupStorage;
  readonly indices: IndexStorage;
  readonly channels: ChannelStorage;
  readonly subscriptions: Subscriptions;
  readonly transfer: TransferStorage;
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #channelList: ChannelList;
  readonly #appender: Appender;
  readonly #reader: EventReader;
  readonly #scanner: Scanner;
  readonly #subscriber: Subscriber;
  readonly #sweepLease: SweepLease;
  readonly #replicationWait: ReplicationWait | undefined;
  /** Finishes the writes that are running, then ends the connections. */
  readonly #end: () => Promise<void>;

  private constructor(
    connection: Connection,
    keys: Keys,
    checkNotificationsMs: number,
    replicationWait: ReplicationWait | undefined,
  ) {
    this.#connection = connection;
    this.#keys = keys;
    this.#replicationWait = replicationWait;
    this.#channelList = new ChannelList(connection, keys);
    this.#appender = new Appender(
      connection,
      keys,
      (channel) => this.#channelList.addAgain(channel),
      replicationWait,
    );
    this.#reader = new EventReader(connection, keys);
    this.#scanner = new Scanner(connection, keys, this.#reader);
    this.transfer = new Transfer(connection, keys, this.#channelList, this.#reader);
    this.#subscriber = new Subscriber(connection, keys, checkNotificationsMs);
    this.#sweepLease = new SweepLease(connection, keys);
    this.subscriptions = this.#subscriber;
    const cursors = new Cursors(connection, keys);
    this.channels = new Channels(connection, keys, { list: this.#channelList, cursors });
    this.cursors = cursors;
    const groups = new Groups(connection, keys);
    this.groups = groups;
    const indices = new Indices(connection, keys, this.#scanner);
    this.indices = indices;
    this.#end = async () => {
      await Promise.all([this.#appender.idle(), cursors.idle(), groups.idle(), indices.idle()]);
      replicationWait?.close();
      connection.close();
    };
  }

  /**
   * Connects, and looks at what it finds there.
   *
   * @throws EventsError `ServiceUnavailable` if Redis cannot be reached in time, refuses, is too old or has keys of an unknown layout
   * @throws RangeError if an option is invalid
   */
  static async open(options: RedisStoreOptions): Promise<RedisStorage> {
    const {
      minReplicas = 0,
      replicaTimeoutMs = 1_000,
      connectTimeoutMs = 5_000,
      commandTimeoutMs = 3_000,
      checkNotificationsMs = 5_000,
      onWarning = () => {},
    } = options;
    checkInteger('minReplicas', minReplicas, 0);
    checkInteger('replicaTimeoutMs', replicaTimeoutMs, 1);
    const keys = new Keys(options.keyPrefix ?? 'events:');
    const timeouts = { connectTimeoutMs, commandTimeoutMs };
    const connection = await Connection.open(options, { ...timeouts, onWarning });
    try {
      await checkKind(connection);
      await checkPermissions(connection, keys);
      await openLayout(connection, keys);
      for (const warning of await findWarnings(connection)) onWarning(warning);
      const original = await originalWarning(connection, keys);
      if (original !== undefined) onWarning(original);
      const replicationWait =
        minReplicas === 0
          ? undefined
          : await ReplicationWait.open(connection, { minReplicas, replicaTimeoutMs }, timeouts);
      return new RedisStorage(connection, keys, checkNotificationsMs, replicationWait);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  listen(listener: StorageListener): void {
    this.#subscriber.listen(listener);
  }

  append(append: Append): Promise<AppendOutcome> {
    this.#channelList.add(append.channel);
    return this.#appender.append(append);
  }

  scan(scan: Scan): Promise<EventPage> {
    return this.#scanner.scan(scan);
  }

  eventsById(channel: string, ids: readonly number[]): Promise<(Buffer | undefined)[]> {
    return this.#reader.byId(channel, ids);
  }

  assertReachable(channel: string): void {
    this.#connection.check(this.#keys.of(channel).channel);
  }

  ping(): Promise<void> {
    const replicationWait = this.#replicationWait;
    return this.#connection.ping(replicationWait && ((server) => replicationWait.check(server)));
  }

  clock(): Promise<number> {
    return this.#connection.clock();
  }

  takeSweep(forMs: number): Promise<boolean> {
    return this.#sweepLease.take(forMs);
  }

  close(): Promise<void> {
    this.#subscriber.close();
    return this.#end();
  }
}

/** @throws RangeError */
function checkInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`Invalid ${name}: expected an integer from ${least}, got ${value}`);
}
