import type { Event } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import { event, LONG_MS, newChannel, type OpenStore, upTo } from './store-under-test.js';

/** Reads on from the last id seen, as consumers do, until `lastId`. */
async function follow(
  next: (after: number) => ReturnType<EventStore['read']>,
  lastId: number,
): Promise<Event[]> {
  const seen: Event[] = [];
  while ((seen.at(-1)?.id ?? 0) < lastId) seen.push(...(await next(seen.at(-1)?.id ?? 0)).events);
  return seen;
}

export function describeFollow(open: OpenStore): void {
  describe('a reader that follows while hundreds of appends run', () => {
    const TOTAL = 600;

    /** From both sides at once: some large, so that they take different times; some several at once. */
    function appendAll(channel: string, stores: readonly EventStore[]): Promise<unknown> {
      const padding = 'x'.repeat(50_000);
      return Promise.all(
        upTo(TOTAL / 2).map((n) => {
          const first = event(n);
          if (n % 20 === 0) first.data = { n, padding };
          const store = stores[n % stores.length] as EventStore;
          if (n % 2) return store.append(channel, [first, event(-n)]);
          return store.append(channel, [first]).then(() => store.append(channel, [event(-n)]));
        }),
      );
    }

    it.each([1, 3, 7])('misses nothing and sees ascending ids, polling with limit %i', async (limit) => {
      const { store, peer } = await open();
      const channel = newChannel();
      const polls = [store, peer, store].map((reader) =>
        follow((after) => reader.poll({ channel, after, limit }, { timeoutMs: LONG_MS }), TOTAL),
      );
      await appendAll(channel, [store, peer]);
      for (const seen of await Promise.all(polls)) expect(seen.map(({ id }) => id)).toEqual(upTo(TOTAL));
    });

    it('misses nothing and sees ascending ids, reading again and again', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const reads = [store, peer].map((reader) =>
        follow(async (after) => {
          await new Promise((resolve) => setImmediate(resolve));
          return reader.read({ channel, after, limit: 2 });
        }, TOTAL),
      );
      await appendAll(channel, [store, peer]);
      for (const seen of await Promise.all(reads)) expect(seen.map(({ id }) => id)).toEqual(upTo(TOTAL));
    });

    it('sees on a typed name every event of the type, whatever else is appended', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const done = follow(
        (after) => store.poll({ channel: `${channel}:even`, after, limit: 2 }, { timeoutMs: LONG_MS }),
        200,
      );
      for (const n of upTo(200)) {
        await (n % 3 ? store : peer).append(channel, [event(n, n % 2 ? 'odd' : 'even')]);
      }
      expect((await done).map(({ id }) => id)).toEqual(upTo(200).filter((n) => n % 2 === 0));
    });
  });
}
