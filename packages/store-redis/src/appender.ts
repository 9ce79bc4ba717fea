import type { EventHeader } from '@ganomede/events-protocol';
import {
  Batchers,
  type IdempotencyRecord,
  idempotencyKeyReused,
  type SerialisedEvent,
} from '@ganomede/events-store';
import { isCluster } from './commands.js';
import type { Connection } from './connection.js';
import type { ChannelKeys, Keys } from './keys.js';
import type { Rounds } from './rounds.js';
import { isCrossSlot, ReplyError, unavailable } from './unavailable.js';

/** Bounds of one call of the script, so that Redis serves others in between. */
const MAX_CALL = { items: 200, bytes: 1024 * 1024 };
/** Instead of a first id: the append has failed by itself, and the error stands in the place of the timestamp. */
const FAILED = -1;
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
  readonly keys: ChannelKeys;
  readonly events: readonly SerialisedEvent[];
  readonly mark: IdempotencyRecord | undefined;
  readonly bytes: number;
  readonly resolve: (headers: EventHeader[]) => void;
  readonly reject: (error: unknown) => void;
}

/** For each append the first id that it was given and the timestamp; see the top of the script for what else. */
type Reply = readonly (number | string)[];

/** The queue of all channels, where they share their calls: no channel has an empty name. */
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
  readonly #rounds: Rounds | undefined;
  readonly #settings: AppenderSettings;
  /** Whether channels may lie in different slots. */
  #apart: boolean;
  /** By channel where they are apart, else `ALL`. */
  readonly #queues = new Batchers<Append>((_name, appends) => this.#write(appends), MAX_CALL);

  /** With `rounds` the appends go through them, and the connection is theirs. */
  constructor(connection: Connection, keys: Keys, settings: AppenderSettings, rounds?: Rounds) {
    this.#connection = connection;
    this.#keys = keys;
    this.#settings = settings;
    this.#rounds = rounds;
    this.#apart = isCluster(connection.client);
  }

  /** With a mark that was used already it resolves with the headers of then. */
  async append(channel: string, events: readonly SerialisedEvent[], mark?: IdempotencyRecord): Promise<EventHeader[]> {
    // Before it is queued: a name that has no keys fails alone.
    const keys = this.#keys.of(channel);
    let bytes = 0;
    for (const { text } of events) bytes += text.length;
    return new Promise((resolve, reject) => {
      this.#push({ channel, keys, events, mark, bytes, resolve, reject });
    });
  }

  /** Resolves once nothing is under way. */
  idle(): Promise<void> {
    return this.#queues.idle();
  }

  #push(append: Append): void {
    this.#queues.push(this.#apart ? append.channel : ALL, append);
  }

  async #write(appends: readonly Append[]): Promise<void> {
    const channels = new Map<string, Append[]>();
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

  #settle(append: Append, firstId: number | string, timestamp: number | string): void {
    const { events, mark, resolve, reject } = append;
    if (firstId === FAILED) {
      reject(unavailable(subjectOf([append]), this.#connection.address, new ReplyError(String(timestamp))));
    } else if (mark && firstId === 0) {
      reject(idempotencyKeyReused(mark));
    } else {
      resolve(events.map((_, n) => ({ id: Number(firstId) + n, timestamp: Number(timestamp) })));
    }
  }

  #call(appends: readonly Append[], channels: Iterable<readonly Append[]>): Promise<Reply> {
    const { maxEvents, idempotencyWindowMs } = this.#settings;
    const declared: string[] = [];
    const args: (number | string)[] = [MAX_NOTIFICATION_BYTES, maxEvents, idempotencyWindowMs];
    for (const ofChannel of channels) this.#addChannel(ofChannel, declared, args);
    const bytes = appends.reduce((sum, append) => sum + append.bytes, 0);
    const [key = ''] = declared;
    return this.#connection.run(key, subjectOf(appends), (client) =>
      this.#rounds
        ? this.#rounds.run(declared, args, bytes)
        : client.eventsAppend(declared.length, declared, args),
    );
  }

  /** Adds what the script needs to know of the appends to a channel. It counts from 1. */
  #addChannel(appends: readonly Append[], declared: string[], args: (number | string)[]): void {
    const [{ channel, keys }] = appends as readonly [Append];
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
        const { filed } = events[i] as SerialisedEvent;
        let file = 0;
        if (filed !== undefined) {
          file = files.get(filed) ?? declared.push(this.#keys.type(channel, filed));
          files.set(filed, file);
        }
        const row = args.push(0, file, filed ?? '') - 3;
        const from = i;
        for (; events[i]?.filed === filed && i < events.length; i++) args.push((events[i] as SerialisedEvent).text);
        args[row] = i - from;
      }
    }
    args[end] = args.length + 1;
  }
}

function subjectOf(appends: readonly Append[]): string {
  let count = 0;
  for (const { events } of appends) count += events.length;
  const [{ channel }] = appends as readonly [Append];
  const isOne = appends.every((append) => append.channel === channel);
  return `append ${count} event(s) to ${isOne ? `channel ${JSON.stringify(channel)}` : 'several channels'}`;
}

function shortened(hash: string): string {
  return hash.slice(0, HASH_LENGTH);
}
