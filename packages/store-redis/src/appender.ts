import { type Append, type AppendOutcome, Batchers, type SerialisedEvent } from '@ganomede/events-store';
import { isCluster } from './commands.js';
import type { Connection } from './connection.js';
import type { ChannelKeys, Keys } from './keys.js';
import type { ReplicationWait } from './replication-wait.js';
import { isCrossSlot, ReplyError, unavailable } from './unavailable.js';

/** Bounds of one call of the script, so that Redis serves others in between. */
const MAX_CALL = { items: 200, bytes: 1024 * 1024 };
/** Instead of a first id: the append has failed by itself, and the error stands in the place of the timestamp. */
const FAILED = -1;
/** Larger notifications tell the ids only, and every server reads the events once: more than a live tail holds. */
const MAX_NOTIFICATION_BYTES = 256 * 1024;

/** An append that waits for its call. */
interface QueuedAppend extends Append {
  readonly keys: ChannelKeys;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** For each append the first id that it was given and the timestamp; see the top of the script for what else. */
type Reply = readonly (number | string)[];

/** The queue of all channels, if they share their calls: no channel has an empty name. */
const ALL = '';

/**
 * Runs the append script, one call at a time, so that appends are stored in the order in which they come. What
 * comes in one turn of the event loop, or while a call is under way, shares the next one, whichever channels it
 * is for. In a cluster, where channels lie in different slots, each channel has its own calls. Of a channel a call
 * stores all or nothing.
 */
export class Appender {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #replicationWait: ReplicationWait | undefined;
  /** Whether channels may lie in different slots. */
  #apart: boolean;
  /** By channel if they are apart, else `ALL`. */
  readonly #queues = new Batchers<QueuedAppend>((_name, appends) => this.#write(appends), MAX_CALL);

  /** With `replicationWait` the appends go through it, on its connection. */
  constructor(connection: Connection, keys: Keys, replicationWait?: ReplicationWait) {
    this.#connection = replicationWait?.connection ?? connection;
    this.#keys = keys;
    this.#replicationWait = replicationWait;
    this.#apart = isCluster(connection.client);
  }

  async append(append: Append): Promise<AppendOutcome> {
    const keys = this.#keys.of(append.channel);
    return new Promise((resolve, reject) => this.#push({ ...append, keys, resolve, reject }));
  }

  /** Resolves once nothing is under way. */
  idle(): Promise<void> {
    return this.#queues.idle();
  }

  #push(append: QueuedAppend): void {
    this.#queues.push(this.#apart ? append.channel : ALL, append);
  }

  async #write(appends: readonly QueuedAppend[]): Promise<void> {
    const channels = new Map<string, QueuedAppend[]>();
    for (const append of appends) {
      const others = channels.get(append.channel);
      if (others) others.push(append);
      else channels.set(append.channel, [append]);
    }
    try {
      const reply = await this.#call(appends, channels.values());
      let i = 0;
      for (const ofChannel of channels.values()) {
        for (const append of ofChannel) this.#settle(append, reply[i++] ?? 0, reply[i++] ?? 0);
      }
      // Who has waited goes on first: with what comes of it the next call is larger.
      await new Promise((resolve) => process.nextTick(resolve));
    } catch (error) {
      if (channels.size > 1 && isCrossSlot(error)) {
        // A cluster of one server, or a cluster behind a proxy. It has run nothing.
        this.#apart = true;
        for (const append of appends) this.#push(append);
      } else {
        for (const append of appends) append.reject(error);
      }
    }
  }

  #settle(append: QueuedAppend, firstId: number | string, timestamp: number | string): void {
    const { idempotency, resolve, reject } = append;
    if (firstId === FAILED) {
      reject(unavailable(subjectOf([append]), this.#connection.address, new ReplyError(String(timestamp))));
    } else if (idempotency && firstId === 0) {
      resolve({ kind: 'key-reused' });
    } else {
      resolve({ kind: 'appended', firstId: Number(firstId), timestamp: Number(timestamp) });
    }
  }

  #call(appends: readonly QueuedAppend[], channels: Iterable<readonly QueuedAppend[]>): Promise<Reply> {
    const { maxEvents, idempotency } = appends[0] as QueuedAppend;
    const declared: string[] = [];
    const args: (number | string)[] = [MAX_NOTIFICATION_BYTES, maxEvents, idempotency?.windowMs ?? 600_000];
    for (const ofChannel of channels) this.#addChannel(ofChannel, declared, args);
    const bytes = appends.reduce((sum, append) => sum + append.bytes, 0);
    const [key = ''] = declared;
    return this.#connection.run(key, subjectOf(appends), (client) =>
      this.#replicationWait
        ? this.#replicationWait.run(declared, args, bytes)
        : client.eventsAppend(declared.length, declared, args),
    );
  }

  /** Adds what the script needs to know of the appends to a channel. It counts from 1. */
  #addChannel(appends: readonly QueuedAppend[], declared: string[], args: (number | string)[]): void {
    const [{ channel, keys }] = appends as readonly [QueuedAppend];
    const first = declared.push(keys.channel);
    declared.push(keys.events, keys.types);
    const end = args.push(first, keys.notifications, appends.length, 0) - 1;
    const lists = new Map<string, number>();
    for (const { events, idempotency } of appends) {
      args.push(events.length);
      if (idempotency === undefined) args.push(0);
      else {
        const key = declared.push(this.#keys.idempotency(channel, idempotency.scope));
        args.push(key, idempotency.fingerprint);
      }
      for (let i = 0; i < events.length; ) {
        const { filed } = events[i] as SerialisedEvent;
        let list = 0;
        if (filed !== undefined) {
          list = lists.get(filed) ?? declared.push(this.#keys.type(channel, filed));
          lists.set(filed, list);
        }
        const row = args.push(0, list, filed ?? '') - 3;
        const from = i;
        for (; events[i]?.filed === filed && i < events.length; i++)
          args.push((events[i] as SerialisedEvent).text);
        args[row] = i - from;
      }
    }
    args[end] = args.length + 1;
  }
}

function subjectOf(appends: readonly QueuedAppend[]): string {
  let count = 0;
  for (const { events } of appends) count += events.length;
  const [{ channel }] = appends as readonly [QueuedAppend];
  const isOne = appends.every((append) => append.channel === channel);
  return `append ${count} event(s) to ${isOne ? `channel ${JSON.stringify(channel)}` : 'several channels'}`;
}
