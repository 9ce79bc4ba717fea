import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { dropsAnything, type Retention, sweepIntervalMs } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { ChannelKeys, Keys } from './keys.js';

/** Most events or ids that one script drops: it takes well under a millisecond. */
const MAX_DROPPED = 1_000;
/** About how many channels, or types of one, are read at a time. */
const PAGE = 100;
/** How much of the time between two sweeps one is spread over. */
const SPREAD = 0.8;
/** How much of it a lease lasts, from the last page on. */
const LEASE = 0.9;

/**
 * Drops what retention does not keep, in every channel, those that nothing is appended to as well. Runs in every
 * server; a lease lets one of them do it at a time. Where it runs out in the middle nothing is harmed: each step is
 * a script that looks at the channel as it is. A channel that nothing is dropped from costs one command.
 */
export class Sweeper {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #retention: Retention;
  /** What the lease is held by. */
  readonly #holder = randomUUID();
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(connection: Connection, keys: Keys, retention: Retention) {
    this.#connection = connection;
    this.#keys = keys;
    this.#retention = retention;
  }

  start(): void {
    if (!dropsAnything(this.#retention)) return;
    const intervalMs = sweepIntervalMs(this.#retention);
    this.#timer = setInterval(() => {
      this.#running ??= this.#sweep(intervalMs)
        .catch(() => {
          // Redis is away; the next time.
        })
        .finally(() => {
          this.#running = undefined;
        });
    }, intervalMs).unref();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    await this.#running;
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Sweeps every channel once, where no other server does, a page at a time. */
  async #sweep(intervalMs: number): Promise<void> {
    if (!(await this.#hold(intervalMs))) return;
    const started = performance.now();
    const key = this.#keys.channels;
    const count = await this.#connection.run(key, `read ${key}`, (client) => client.scard(key));
    let swept = 0;
    for await (const channels of this.#members(key)) {
      const dueMs = started + (swept / count) * SPREAD * intervalMs - performance.now();
      await delay(Math.max(dueMs, 0), undefined, { signal: this.#closing.signal, ref: false });
      // Another server began because this one took too long over a page: it goes on from there.
      if (swept > 0 && !(await this.#hold(intervalMs))) return;
      // One whose server is away waits for the next sweep; the others do not wait for it.
      await Promise.allSettled(channels.map((channel) => this.#trim(channel)));
      swept += channels.length;
    }
  }

  /** Takes the lease, or renews it; resolves with whether this server has it. */
  async #hold(intervalMs: number): Promise<boolean> {
    const key = this.#keys.sweep;
    const leaseMs = Math.floor(intervalMs * LEASE);
    return this.#connection.run(key, 'take the lease of the sweep', async (client) => {
      const holder = await client.get(key);
      if (holder === this.#holder) return (await client.pexpire(key, leaseMs)) === 1;
      return holder === null && (await client.set(key, this.#holder, 'PX', leaseMs, 'NX')) !== null;
    });
  }

  async #trim(channel: string): Promise<void> {
    const keys = this.#keys.of(channel);
    let [dropped, firstId, filesBehind] = await this.#trimChannel(keys);
    while (dropped === MAX_DROPPED && !this.#closed) {
      [dropped, firstId, filesBehind] = await this.#trimChannel(keys);
    }
    // An append may have trimmed the channel, and left its type files to this.
    if (!filesBehind) return;
    for await (const types of this.#members(keys.types)) {
      await Promise.all(types.map((type) => this.#trimType(channel, type)));
    }
    if (!this.#closed) await this.#trimChannel(keys, firstId);
  }

  /** `brought` is the id that every type file was brought to. */
  #trimChannel(keys: ChannelKeys, brought = 0) {
    const { maxAgeMs = 0, maxEvents = 0 } = this.#retention;
    return this.#connection.run(keys.channel, `trim ${keys.channel}`, (client) =>
      client.eventsTrimChannel(
        ...[keys.channel, keys.events],
        ...[maxEvents, maxAgeMs, MAX_DROPPED, keys.notifications, brought],
      ),
    );
  }

  async #trimType(channel: string, type: string): Promise<void> {
    const keys = this.#keys.of(channel);
    const file = this.#keys.type(channel, type);
    let dropped: number;
    do {
      dropped = await this.#connection.run(keys.channel, `trim ${file}`, (client) =>
        client.eventsTrimType(keys.channel, keys.types, file, type, MAX_DROPPED),
      );
    } while (dropped === MAX_DROPPED && !this.#closed);
  }

  /** The members of a set, some at a time. */
  async *#members(key: string): AsyncIterable<string[]> {
    let cursor = '0';
    do {
      const [next, members] = await this.#connection.run(key, `read ${key}`, (client) =>
        client.sscan(key, cursor, 'COUNT', PAGE),
      );
      yield members;
      cursor = next;
    } while (cursor !== '0' && !this.#closed);
  }
}
