import type { EventHeader } from '@ganomede/events-protocol';
import { GroupQueue, type IdempotencyMark, idempotencyKeyReused } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import type { Rounds } from './rounds.js';

/** Bounds of one call of the script, so that Redis serves others in between. */
const MAX_CALL = { items: 200, bytes: 1024 * 1024 };
/** Larger notifications tell the ids only; every server then reads the events once. */
const MAX_NOTIFICATION_BYTES = 64 * 1024;

/** Characters that are kept of the hashes of an idempotency key: 132 bits, in less memory than all of them. */
const HASH_LENGTH = 22;

/** An event that is to get an id. */
export interface NewEvent {
  /** Its JSON text from `"from"` on. */
  readonly text: string;
  /** The type to file it under; undefined for none. */
  readonly filed: string | undefined;
}

/** What all calls have in common. */
export interface AppenderSettings {
  /** The newest so many events of a channel are kept; 0 for all. */
  readonly maxEvents: number;
  readonly idempotencyWindowMs: number;
}

interface Append {
  readonly events: readonly NewEvent[];
  readonly mark: IdempotencyMark | undefined;
  readonly bytes: number;
  readonly resolve: (headers: EventHeader[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends to a channel one call at a time: what comes while a call is under way shares the next one. A call is
 * one run of the script, all or nothing.
 */
export class Appender {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #rounds: Rounds | undefined;
  readonly #settings: AppenderSettings;
  readonly #queues = new Map<string, GroupQueue<Append>>();

  /** With `rounds` the appends go through them, and the connection is theirs. */
  constructor(connection: Connection, keys: Keys, settings: AppenderSettings, rounds?: Rounds) {
    this.#connection = connection;
    this.#keys = keys;
    this.#settings = settings;
    this.#rounds = rounds;
  }

  /** With a mark that was used already it resolves with the headers of then. */
  append(channel: string, events: readonly NewEvent[], mark?: IdempotencyMark): Promise<EventHeader[]> {
    return new Promise((resolve, reject) => {
      const bytes = events.reduce((sum, { text }) => sum + text.length, 0);
      this.#queue(channel).push({ events, mark, bytes, resolve, reject });
    });
  }

  /** Resolves once nothing is under way. */
  async idle(): Promise<void> {
    while (this.#queues.size > 0) await Promise.all([...this.#queues.values()].map(({ running }) => running));
  }

  #queue(channel: string): GroupQueue<Append> {
    const known = this.#queues.get(channel);
    if (known) return known;
    const queue = new GroupQueue<Append>((appends) => this.#write(channel, appends), MAX_CALL);
    this.#queues.set(channel, queue);
    return queue;
  }

  async #write(channel: string, appends: readonly Append[]): Promise<void> {
    try {
      const reply = await this.#call(channel, appends);
      for (const [i, { events, mark, resolve, reject }] of appends.entries()) {
        const [firstId = 0, timestamp = 0] = reply.slice(2 * i);
        if (mark && firstId === 0) reject(idempotencyKeyReused(mark));
        else resolve(events.map((_, n) => ({ id: firstId + n, timestamp })));
      }
    } catch (error) {
      for (const append of appends) append.reject(error);
    } finally {
      // Most channels are quiet most of the time. Whoever comes later starts a queue of their own.
      const queue = this.#queues.get(channel);
      if (queue?.length === 0) this.#queues.delete(channel);
    }
  }

  /** Resolves with the first id and the timestamp of each append. */
  #call(channel: string, appends: readonly Append[]): Promise<number[]> {
    const keys = this.#keys.of(channel);
    const files = new Map<string, number>();
    const { maxEvents, idempotencyWindowMs } = this.#settings;
    const args: (string | number)[] = [
      keys.notifications,
      MAX_NOTIFICATION_BYTES,
      maxEvents,
      idempotencyWindowMs,
    ];
    const declared = [keys.channel, keys.events, keys.types];
    for (const { events, mark } of appends) {
      const key = mark ? declared.push(this.#keys.idempotency(channel, shortened(mark.scope))) : 0;
      args.push(events.length, key, mark ? shortened(mark.fingerprint) : '');
      for (const { text, filed } of events) {
        let file = 0;
        if (filed !== undefined) {
          file = files.get(filed) ?? declared.push(this.#keys.type(channel, filed));
          files.set(filed, file);
        }
        args.push(file, filed ?? '', text);
      }
    }
    const count = appends.reduce((sum, { events }) => sum + events.length, 0);
    const subject = `append ${count} event(s) to channel ${JSON.stringify(channel)}`;
    const bytes = appends.reduce((sum, append) => sum + append.bytes, 0);
    return this.#connection.run(keys.channel, subject, (client) =>
      this.#rounds
        ? this.#rounds.run(declared, args, bytes)
        : client.eventsAppend(declared.length, declared, args),
    );
  }
}

function shortened(hash: string): string {
  return hash.slice(0, HASH_LENGTH);
}
