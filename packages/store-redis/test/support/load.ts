import { EventsError } from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';
import { until } from '@ganomede/events-testing';
import { expect } from 'vitest';

/** Publishers that append to a channel without end, whatever becomes of the store. */
export class Load {
  /** Number of the event (in its data) by the id that it was acknowledged with. */
  readonly acknowledged = new Map<number, number>();
  readonly errors: EventsError[] = [];
  readonly #running: Promise<unknown>;
  #count = 0;
  #stopped = false;

  constructor(store: EventStore, channel: string, publishers: number) {
    this.#running = Promise.all(
      Array.from({ length: publishers }, async () => {
        while (!this.#stopped) {
          const n = ++this.#count;
          try {
            const [header] = await store.append(channel, [{ from: 'load', type: 'add', data: { n } }]);
            if (this.acknowledged.has(header?.id ?? 0)) throw new Error(`id ${header?.id} was given twice`);
            this.acknowledged.set(header?.id ?? 0, n);
          } catch (error) {
            if (!(error instanceof EventsError)) throw error;
            this.errors.push(error);
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        }
      }),
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

/** A consumer that follows a channel by polling, with a small limit, until it is told to stop. */
export class Follower {
  /** Number of each event in the order of arrival. */
  readonly seen: { readonly id: number; readonly n: number }[] = [];
  readonly #end = new AbortController();
  readonly #running: Promise<void>;

  constructor(store: EventStore, channel: string, limit: number) {
    this.#running = this.#follow(store, channel, limit);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  get lastId(): number {
    return this.seen.at(-1)?.id ?? 0;
  }

  async #follow(store: EventStore, channel: string, limit: number): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        const batch = await store.poll({ channel, after: this.lastId, limit }, { timeoutMs: 30_000, signal });
        for (const { id, data } of batch.events) this.seen.push({ id, n: (data as { n: number }).n });
      } catch (error) {
        if (!(error instanceof EventsError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
}

/**
 * Ends the loads, and expects of every channel that `store` has what was acknowledged, in order and once, that its follower
 * has been given that, and that appends failed in no other way than that Redis was away.
 */
export async function expectNothingLost(
  store: EventStore,
  channels: readonly string[],
  loads: readonly Load[],
  followers: readonly Follower[],
): Promise<void> {
  await Promise.all(loads.map((load) => load.stop()));
  for (const [i, channel] of channels.entries()) {
    const { events: stored, lastId } = await store.read({ channel, after: 0, limit: 1_000_000 });
    expect(stored.map(({ id }) => id)).toEqual(Array.from({ length: lastId }, (_, n) => n + 1));
    const numbers = stored.map(({ data }) => (data as { n: number }).n);
    expect(new Set(numbers).size, 'nothing is stored twice').toBe(numbers.length);
    const given = loads[i]?.acknowledged ?? new Map<number, number>();
    for (const [id, n] of given) expect(numbers[id - 1]).toBe(n);

    const follower = followers[i];
    await until(`the follower of ${channel} has everything`, () => (follower?.lastId ?? 0) >= lastId);
    await follower?.stop();
    const seen = new Map(follower?.seen.map(({ id, n }) => [n, id]));
    expect(seen.size, 'nothing arrives twice').toBe(follower?.seen.length);
    for (const [id, n] of given) expect(seen.get(n)).toBe(id);
  }
  for (const { code } of loads.flatMap(({ errors }) => errors)) expect(code).toBe('ServiceUnavailable');
}
