import { dropsAnything, type Retention, sweepIntervalMs } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';

/** Most events or ids that one script drops: it takes well under a millisecond. */
const MAX_DROPPED = 1_000;
/** About how many channels, or types of one, are read at a time. */
const PAGE = 100;

/**
 * Drops what retention does not keep, in every channel, those that nothing is appended to as well. Runs in every
 * server; a lease lets one of them do it at a time. Where it runs out in the middle nothing is harmed: each step is
 * a script that looks at the channel as it is.
 */
export class Sweeper {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #retention: Retention;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(connection: Connection, keys: Keys, retention: Retention) {
    this.#connection = connection;
    this.#keys = keys;
    this.#retention = retention;
  }

  start(): void {
    if (!dropsAnything(this.#retention)) return;
    const intervalMs = sweepIntervalMs(this.#retention);
    this.#timer = setInterval(() => {
      this.#running ??= this.#sweepWithLease(intervalMs)
        .catch(() => {
          // Redis is away; the next time.
        })
        .finally(() => {
          this.#running = undefined;
        });
    }, intervalMs).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  async #sweepWithLease(intervalMs: number): Promise<void> {
    const key = this.#keys.sweep;
    const leaseMs = Math.floor(intervalMs * 0.9);
    const taken = await this.#connection.run(key, 'take the lease of the sweep', (client) =>
      client.set(key, '1', 'PX', leaseMs, 'NX'),
    );
    if (taken !== null) await this.sweep();
  }

  /** Sweeps every channel once. */
  async sweep(): Promise<void> {
    for await (const channels of this.#members(this.#keys.channels)) {
      // One whose server is away waits for the next sweep; the others do not wait for it.
      await Promise.allSettled(channels.map((channel) => this.#trim(channel)));
    }
  }

  async #trim(channel: string): Promise<void> {
    const keys = this.#keys.of(channel);
    const { maxAgeMs = 0, maxEvents = 0 } = this.#retention;
    let dropped: number;
    // An append may have trimmed the channel, and left its type files to this.
    let follow = maxEvents > 0;
    do {
      [dropped] = await this.#connection.run(keys.channel, `trim ${keys.channel}`, (client) =>
        client.eventsTrimChannel(
          ...[keys.channel, keys.events],
          ...[maxEvents, maxAgeMs, MAX_DROPPED, keys.notifications],
        ),
      );
      follow ||= dropped > 0;
    } while (dropped === MAX_DROPPED && !this.#closed);
    if (!follow) return;
    for await (const types of this.#members(keys.types)) {
      await Promise.all(types.map((type) => this.#trimType(channel, type)));
    }
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
