import { randomUUID } from 'node:crypto';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';

/** No lease is taken for longer, milliseconds. */
const MAX_LEASE_MS = 60_000;

/** The right to sweep, which one server at a time has. It runs out by itself. */
export class SweepLease {
  readonly #connection: Connection;
  readonly #keys: Keys;
  /** What this server is known by. */
  readonly #holder = randomUUID();

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Takes the lease for so many milliseconds, or renews it; resolves with whether this server has it. */
  take(forMs: number): Promise<boolean> {
    const key = this.#keys.sweep;
    return this.#connection.run(key, 'take the lease of the sweep', async (client) => {
      const holder = await client.get(key);
      if (holder === this.#holder) return (await client.pexpire(key, forMs)) === 1;
      if (holder === null) return (await client.set(key, this.#holder, 'PX', forMs, 'NX')) !== null;
      // One that was taken while the clock of Redis was ahead would not run out before the clock is there again.
      if ((await client.pttl(key)) <= MAX_LEASE_MS) return false;
      return (await client.set(key, this.#holder, 'PX', forMs)) !== null;
    });
  }
}
