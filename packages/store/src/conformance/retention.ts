import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import {
  ALL,
  event,
  events,
  ids,
  LONG_MS,
  newChannel,
  type OpenStore,
  untilWaiting,
  upTo,
} from './store-under-test.js';

/** Resolves once a read of the channel begins at `firstId`. */
async function untilFirst(store: EventStore, channel: string, firstId: number): Promise<void> {
  const deadline = performance.now() + LONG_MS;
  for (;;) {
    const { firstId: found } = await store.read({ channel, after: 0, limit: 1 });
    if (found === firstId) return;
    if (performance.now() > deadline) throw new Error(`Expected first id ${firstId} in time, got ${found}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function describeRetention(open: OpenStore): void {
  describe('retention', () => {
    it('keeps everything where nothing is said', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, events(2_000));
      expect(await store.read({ channel, after: 0, limit: ALL })).toMatchObject({ count: 2_000, firstId: 1 });
    });

    it('keeps the newest events of a channel, and up to a tenth more', async () => {
      const { store, peer } = await open({ retention: { maxEvents: 100 } });
      const channel = newChannel();
      for (let last = 10; last <= 500; last += 10) {
        await store.append(channel, events(10));
        const batch = await peer.read({ channel, after: 0, limit: ALL });
        expect(batch.lastId).toBe(last);
        expect(batch.count).toBeGreaterThanOrEqual(Math.min(last, 100));
        expect(batch.count).toBeLessThanOrEqual(110);
        expect(ids(batch)).toEqual(upTo(last, batch.firstId));
      }
    });

    it('keeps the newest of a batch that is larger than all that is kept', async () => {
      const { store } = await open({ retention: { maxEvents: 10 } });
      const channel = newChannel();
      await store.append(channel, events(50));
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual(upTo(50, 41));
      expect(await store.append(channel, [event(51)])).toMatchObject([{ id: 51 }]);
    });

    it('reads from the oldest event on where the cursor lies before it', async () => {
      const { store } = await open({ retention: { maxEvents: 10 } });
      const channel = newChannel();
      await store.append(channel, events(50));
      for (const after of [0, 1, 39, 40]) {
        const batch = await store.read({ channel, after, limit: 3 });
        expect([after, ids(batch)]).toEqual([after, [41, 42, 43]]);
        expect(batch).toMatchObject({ firstId: 41, lastId: 50 });
      }
      expect(ids(await store.poll({ channel, after: 5, limit: 1 }, { timeoutMs: LONG_MS }))).toEqual([41]);
    });

    it('leaves no dropped event in a type, nor for a poll', async () => {
      const { store, peer } = await open({ retention: { maxEvents: 10 } });
      const channel = newChannel();
      const polls = [channel, `${channel}:rare`].map((name) =>
        store.poll({ channel: name, after: 0, limit: ALL }, { timeoutMs: LONG_MS }),
      );
      await untilWaiting(store, 2);
      await peer.append(channel, [event(1, 'rare'), event(2)]);
      expect((await Promise.all(polls)).map(ids)).toEqual([[1, 2], [1]]);
      await peer.append(channel, [...events(30), event(33, 'rare')]);
      await peer.append(channel, [event(34)]);
      for (const reader of [store, peer]) {
        expect(ids(await reader.read({ channel: `${channel}:rare`, after: 0, limit: ALL }))).toEqual([33]);
        const poll = await reader.poll({ channel, after: 0, limit: 1 }, { timeoutMs: LONG_MS });
        expect(poll.firstId).toBeGreaterThanOrEqual(24);
        expect(ids(poll)).toEqual([poll.firstId]);
      }
    });

    it('keeps of each channel what its most specific pattern says, and of others what is said beside patterns', async () => {
      const name = newChannel();
      const { store, peer } = await open({
        retention: {
          maxEvents: 40,
          channels: {
            [`${name}/*`]: { maxEvents: 30 },
            [`${name}/logs/*`]: { maxEvents: 20 },
            [`${name}/logs/debug`]: { maxEvents: 10 },
            [`${name}/logs/audit`]: {},
          },
        },
      });
      const kept = async (channel: string) => {
        await store.append(channel, events(100));
        return (await peer.read({ channel, after: 0, limit: ALL })).count;
      };
      expect(await kept(name)).toBe(40);
      expect(await kept(`${name}/a`)).toBe(30);
      expect(await kept(`${name}/logs/a`)).toBe(20);
      expect(await kept(`${name}/logs/debug`)).toBe(10);
      expect(await kept(`${name}/logs/debug/a`)).toBe(20);
      expect(await kept(`${name}/logs/audit`)).toBe(100);
    });

    it('drops what is too old for its channel', async () => {
      const name = newChannel();
      const { store, peer } = await open({
        retention: { maxAgeMs: 3_600_000, channels: { [`${name}/*`]: { maxAgeMs: 300 }, [`${name}/b`]: {} } },
      });
      for (const channel of [name, `${name}/a`, `${name}/b`]) await store.append(channel, events(5));
      await untilFirst(peer, `${name}/a`, 0);
      for (const channel of [name, `${name}/b`]) {
        expect(await store.read({ channel, after: 0, limit: ALL })).toMatchObject({ count: 5, firstId: 1 });
      }
    });

    it('drops what is too old, in channels that nothing is appended to, and goes on counting', async () => {
      const { store, peer } = await open({ retention: { maxAgeMs: 300 } });
      const [channel, other] = [newChannel(), newChannel()];
      await store.append(channel, [event(1, 'a'), event(2, 'b'), event(3, 'a')]);
      await peer.append(other, events(2_500));
      // They are told of event 4 before it, too, is too old.
      const polls = [channel, `${channel}:a`].map((name) =>
        store.poll({ channel: name, after: 3, limit: ALL }, { timeoutMs: LONG_MS }),
      );
      await untilFirst(peer, channel, 0);
      await untilFirst(store, other, 0);
      expect(await peer.read({ channel, after: 0, limit: ALL })).toMatchObject({
        count: 0,
        firstId: 0,
        lastId: 3,
      });
      expect((await store.read({ channel: `${channel}:a`, after: 0, limit: ALL })).count).toBe(0);

      expect(await peer.append(channel, [event(4, 'a')])).toMatchObject([{ id: 4 }]);
      for (const poll of polls) {
        expect(await poll).toMatchObject({ firstId: 4, lastId: 4, events: [{ id: 4 }] });
      }
      expect(await store.append(other, [event(2_501)])).toMatchObject([{ id: 2_501 }]);
    });
  });
}
