import type { EventHeader } from '@ganomede/events-protocol';
import {
  GroupQueue,
  type IdempotencyMark,
  idempotencyKeyReused,
  type NewEvent,
} from '@ganomede/events-store';
import { isCluster } from './commands.js';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import type { Rounds } from './rounds.js';
import { unavailable } from './unavailable.js';

/** Bounds of one call of the script, so that Redis serves others in between. */
const MAX_CALL = { items: 200, bytes: 1024 * 1024 };
/** One Redis runs a call while the next ones are on their way. */
const MAX_CALLS_AT_ONCE = 4;
/** Larger notifications tell the ids only, and every server reads the events once: more than a live tail holds. */
const MAX_NOTIFICATION_BYTES = 256 * 1024;

/** Characters that are kept of the hashes of an idempotency key: 132 bits, in less memory than all of them. */
const HASH_LENGTH = 22;

/** What all calls have in common. */
export interface AppenderSettings {
  /** The newest so many events of a channel are kept; 0 for all. */
  readonly maxEvents: number;
  readonly idempotencyWindowMs: number;
}

interface Append {
  readonly channel: string;
  readonly events: readonly NewEvent[];
  readonly mark: IdempotencyMark | undefined;
  readonly bytes: number;
  readonly resolve: (headers: EventHeader[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs the append script: what comes in one turn of the event loop shares a call. On one Redis a call has the
 * appends to all channels; in a cluster, where channels lie in different slots, each has calls of its own, one at a
 * time. Of a channel a call stores all or nothing.
 */
export class Appender {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #rounds: Rounds | undefined;
  readonly #settings: AppenderSettings;
  readonly #isCluster: boolean;
  /** By channel in a cluster, else one, by no name. */
  readonly #queues = new Map<string, GroupQueue<Append>>();

  /** With `rounds` the appends go through them, and the connection is theirs. */
  constructor(connection: Connection, keys: Keys, settings: AppenderSettings, rounds?: Rounds) {
    this.#connection = connection;
    this.#keys = keys;
    this.#settings = settings;
    this.#rounds = rounds;
    this.#isCluster = isCluster(connection.client);
  }

  /** With a mark that was used already it resolves with the headers of then. */
  append(channel: string, events: readonly NewEvent[], mark?: IdempotencyMark): Promise<EventHeader[]> {
    let bytes = 0;
    for (const { text } of events) bytes += text.length;
    return new Promise((resolve, reject) => {
      const queue = this.#isCluster ? this.#queue(channel, 1) : this.#queue('', MAX_CALLS_AT_ONCE);
      queue.push({ channel, events, mark, bytes, resolve, reject });
    });
  }

  /** Resolves once nothing is under way. */
  async idle(): Promise<void> {
    for (;;) {
      const running = [...this.#queues.values()].flatMap((queue) => queue.running ?? []);
      if (running.length === 0) return;
      await Promise.all(running);
    }
  }

  #queue(name: string, atOnce: number): GroupQueue<Append> {
    const known = this.#queues.get(name);
    if (known) return known;
    const queue = new GroupQueue<Append>(
      async (appends) => {
        await this.#write(appends);
        // Most channels are quiet most of the time. Whoever comes later starts a queue of their own.
        if (this.#isCluster && queue.length === 0) this.#queues.delete(name);
      },
      { ...MAX_CALL, atOnce },
    );
    this.#queues.set(name, queue);
    return queue;
  }

  async #write(appends: readonly Append[]): Promise<void> {
    const channels = new Map<string, Append[]>();
    for (const append of appends) {
      const others = channels.get(append.channel);
      if (others) others.push(append);
      else channels.set(append.channel, [append]);
    }
    const subject = subjectOf(appends, channels.size);
    try {
      const reply = await this.#call(subject, channels);
      let i = 0;
      for (const ofChannel of channels.values()) {
        for (const append of ofChannel) this.#settle(append, subject, reply[i++] ?? 0, reply[i++] ?? 0);
      }
    } catch (error) {
      for (const append of appends) append.reject(error);
    }
  }

  /** `timestamp` may be an error instead. */
  #settle(append: Append, subject: string, firstId: number | string, timestamp: number | string): void {
    const { events, mark, resolve, reject } = append;
    if (typeof firstId === 'string' || typeof timestamp === 'string') {
      reject(unavailable(subject, this.#connection.address, new Error(String(timestamp))));
    } else if (mark && firstId === 0) {
      reject(idempotencyKeyReused(mark));
    } else {
      resolve(events.map((_, n) => ({ id: firstId + n, timestamp })));
    }
  }

  /** Resolves with two values for each append, as the script replies. */
  #call(subject: string, channels: ReadonlyMap<string, readonly Append[]>): Promise<(number | string)[]> {
    const { maxEvents, idempotencyWindowMs } = this.#settings;
    const declared: string[] = [];
    const args: (number | string)[] = [MAX_NOTIFICATION_BYTES, maxEvents, idempotencyWindowMs];
    let bytes = 0;
    for (const [channel, appends] of channels) {
      for (const append of appends) bytes += append.bytes;
      this.#addChannel(channel, appends, declared, args);
    }
    const [key = ''] = declared;
    return this.#connection.run(key, subject, (client) =>
      this.#rounds
        ? this.#rounds.run(declared, args, bytes)
        : client.eventsAppend(declared.length, declared, args),
    );
  }

  /** Adds what the script needs to know of the appends to a channel. It counts from 1. */
  #addChannel(
    channel: string,
    appends: readonly Append[],
    declared: string[],
    args: (number | string)[],
  ): void {
    const keys = this.#keys.of(channel);
    const first = declared.push(keys.channel);
    declared.push(keys.events, keys.types);
    const end = args.push(first, keys.notifications, appends.length, 0) - 1;
    const files = new Map<string, number>();
    for (const { events, mark } of appends) {
      args.push(events.length);
      if (mark === undefined) args.push(0);
      else {
        const key = declared.push(this.#keys.idempotency(channel, shortened(mark.scope)));
        args.push(key, shortened(mark.fingerprint));
      }
      for (let i = 0; i < events.length; ) {
        const { filed } = events[i] as NewEvent;
        let file = 0;
        if (filed !== undefined) {
          file = files.get(filed) ?? declared.push(this.#keys.type(channel, filed));
          files.set(filed, file);
        }
        const row = args.push(0, file, filed ?? '') - 3;
        const from = i;
        for (; events[i]?.filed === filed && i < events.length; i++) args.push((events[i] as NewEvent).text);
        args[row] = i - from;
      }
    }
    args[end] = args.length + 1;
  }
}

function subjectOf(appends: readonly Append[], channels: number): string {
  let count = 0;
  for (const { events } of appends) count += events.length;
  const [append] = appends;
  return `append ${count} event(s) to ${channels === 1 ? `channel ${JSON.stringify(append?.channel)}` : `${channels} channels`}`;
}

function shortened(hash: string): string {
  return hash.slice(0, HASH_LENGTH);
}
