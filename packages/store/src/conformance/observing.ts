import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import { event, newChannel, type OpenStore } from './store-under-test.js';

/** What a store lists of a prefix, once it lists so many: a list may be told of a new channel a little later. */
async function listed(store: EventStore, prefix: string, count: number) {
  await expect.poll(() => store.channels({ prefix, limit: 100 })).toHaveLength(count);
  return store.channels({ prefix, limit: 100 });
}

export function describeObserving(open: OpenStore): void {
  describe('what can be seen', () => {
    it('lists the channels of a prefix with their bounds, page by page', async () => {
      const { store, peer } = await open();
      const prefix = newChannel();
      const names = ['', '/', '/a', '/b', '/é', '/\u{ff5e}', '/\u{1f600}'].map((end) => prefix + end);
      const times = new Map<string, number>();
      for (const name of names.toReversed()) {
        await store.append(name, [event(1)]);
        const [header] = await peer.append(name, [event(2)]);
        times.set(name, header?.timestamp ?? 0);
      }
      const all = names.map((channel) => ({
        ...{ channel, firstId: 1, lastId: 2, lastTimestamp: times.get(channel) },
      }));
      expect(await listed(store, prefix, names.length)).toEqual(all);
      expect(await peer.channels({ prefix: `${prefix}/`, limit: 2 })).toEqual(all.slice(1, 3));
      const after = `${prefix}/a`;
      expect(await peer.channels({ prefix, after, limit: 2 })).toEqual(all.slice(3, 5));
      expect(await store.channels({ prefix, after: '', limit: 1 })).toEqual(all.slice(0, 1));
      expect(await store.channels({ prefix: `${prefix}/a`, after: `${prefix}/b`, limit: 9 })).toEqual([]);
      expect(await store.channels({ prefix: `${prefix}/none`, limit: 9 })).toEqual([]);
    });

    it('tells of a channel that keeps nothing where it ends', async () => {
      const { store } = await open();
      const channel = newChannel();
      const [, last] = await store.append(channel, [event(1), event(2)]);
      await store.trim(channel, { id: 3 });
      expect(await listed(store, channel, 1)).toEqual([
        { channel, firstId: 0, lastId: 2, lastTimestamp: last?.timestamp },
      ]);
    });

    it('lists the consumers of a channel and its types, and how far behind each is', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1, 'a'), event(2, 'b'), event(3, 'a'), event(4, 'b')]);
      await store.saveCursor('mailer', channel, 1);
      await store.saveCursor('mailer', `${channel}:b`, 2);
      await store.saveCursor('billing', `${channel}:a`, 0);
      await peer.saveCursor('audit', channel, 4);
      await peer.saveCursor('late', `${channel}:none`, 0);
      await store.saveCursor('else', `${channel}/x`, 1);
      const state = (clientId: string, name: string, after: number, lag: number) => ({
        ...{ clientId, channel: name, after, lag },
        behindMs: lag === 0 ? 0 : expect.any(Number),
        savedAt: expect.any(Number),
      });
      const all = [
        state('audit', channel, 4, 0),
        state('billing', `${channel}:a`, 0, 2),
        state('late', `${channel}:none`, 0, 0),
        state('mailer', channel, 1, 3),
        state('mailer', `${channel}:b`, 2, 1),
      ];
      for (const reader of [store, peer]) {
        expect(await reader.consumers(channel, { limit: 100 })).toEqual(all);
        expect(await reader.consumers(`${channel}:b`, { limit: 100 })).toEqual([all[4]]);
        expect(await reader.consumers(newChannel(), { limit: 100 })).toEqual([]);
      }
      expect(await store.consumers(channel, { limit: 2 })).toEqual(all.slice(0, 2));
      expect(await store.consumers(channel, { after: 'billing', limit: 2 }), 'all of a client').toEqual(
        all.slice(2),
      );
      expect(await store.consumers(channel, { after: 'mailer', limit: 2 })).toEqual([]);
    });

    it('tells a consumer behind by what is kept, and how old the oldest of that is', async () => {
      const { store } = await open();
      const channel = newChannel();
      const [, second] = await store.append(channel, [event(1, 'a'), event(2, 'a'), event(3, 'b')]);
      for (const name of [channel, `${channel}:a`, `${channel}:b`]) await store.saveCursor('c', name, 0);
      await store.trim(channel, { id: 2 });
      await expect.poll(() => Date.now()).toBeGreaterThan((second?.timestamp ?? 0) + 20);
      const states = await store.consumers(channel, { limit: 1 });
      expect(states.map(({ lag }) => lag)).toEqual([2, 1, 1]);
      for (const { behindMs = 0 } of states) {
        expect(behindMs).toBeGreaterThan(0);
        expect(behindMs).toBeLessThan(60_000);
      }
    });

    it('lists more consumers than fit into one step, in order', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1)]);
      const clients = Array.from({ length: 1_500 }, (_, i) => `client-${String(i).padStart(4, '0')}`);
      await Promise.all(clients.map((client) => store.saveCursor(client, channel, 0)));
      const found: string[] = [];
      for (;;) {
        const page = await store.consumers(channel, { after: found.at(-1), limit: 400 });
        if (page.length === 0) break;
        expect(page.every(({ lag }) => lag === 1)).toBe(true);
        found.push(...page.map(({ clientId }) => clientId));
      }
      expect(found).toEqual(clients);
    });
  });
}
