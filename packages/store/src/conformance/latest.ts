import { describe, expect, it } from 'vitest';
import { MAX_PAGE_BYTES } from '../events/event-page.js';
import { ALL, event, events, ids, newChannel, type OpenStore, upTo } from './store-under-test.js';

const MIB = 1024 * 1024;

export function describeLatest(open: OpenStore): void {
  describe('latest', () => {
    it('returns the newest events, ascending, at most limit', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, events(10));
      for (const [limit, before, expected] of [
        [1, undefined, [10]],
        [3, undefined, [8, 9, 10]],
        [10, undefined, upTo(10)],
        [ALL, undefined, upTo(10)],
        [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, upTo(10)],
        [3, 11, [8, 9, 10]],
        [3, 99, [8, 9, 10]],
        [3, 10, [7, 8, 9]],
        [3, 3, [1, 2]],
        [1, 2, [1]],
        [3, 1, []],
      ] as const) {
        const batch = await peer.latest({ channel, limit, before });
        expect([limit, before, ids(batch), batch.count]).toEqual([limit, before, expected, expected.length]);
        expect(batch).toMatchObject({ firstId: 1, lastId: 10 });
      }
    });

    it('returns what read returns', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, events(3));
      const { json } = await store.read({ channel, after: 1, limit: ALL });
      expect((await store.latest({ channel, limit: 2 })).json.toString()).toBe(json.toString());
    });

    it('is empty for a channel that does not exist', async () => {
      const { store } = await open();
      const channel = newChannel();
      for (const name of [channel, `${channel}:add`]) {
        const batch = await store.latest({ channel: name, limit: ALL });
        expect(batch).toMatchObject({ count: 0, firstId: 0, lastId: 0 });
        expect(batch.json.toString()).toBe('[]');
      }
    });

    it('goes back page by page to the beginning', async () => {
      const { store } = await open();
      const channel = newChannel();
      const total = 2_500;
      await store.append(
        channel,
        upTo(total).map((n) => event(n, n % 7 ? 'other' : 'seventh')),
      );
      for (const [name, limit, expected] of [
        [channel, 999, upTo(total)],
        [channel, ALL, upTo(total)],
        [`${channel}:seventh`, 50, upTo(total).filter((n) => n % 7 === 0)],
        [`${channel}:other`, 400, upTo(total).filter((n) => n % 7)],
        [`${channel}:other`, ALL, upTo(total).filter((n) => n % 7)],
      ] as const) {
        const seen: number[] = [];
        for (;;) {
          const page = ids(await store.latest({ channel: name, limit, before: seen[0] }));
          if (page.length === 0) break;
          seen.unshift(...page);
        }
        expect(seen).toEqual(expected);
      }
    });

    it('returns the newest events of a type', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(
        channel,
        upTo(30).map((n) => event(n, n % 3 ? 'other' : 'third')),
      );
      const latest = async (limit: number, before?: number) =>
        ids(await peer.latest({ channel: `${channel}:third`, limit, before }));
      expect(await latest(2)).toEqual([27, 30]);
      expect(await latest(ALL)).toEqual([3, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
      expect(await latest(2, 30)).toEqual([24, 27]);
      expect(await latest(2, 29)).toEqual([24, 27]);
      expect(await latest(2, 4)).toEqual([3]);
      expect(await latest(2, 3)).toEqual([]);
      const none = await store.latest({ channel: `${channel}:none`, limit: 1 });
      expect(none).toMatchObject({ count: 0, firstId: 1, lastId: 30 });
    });

    it('keeps the newest where they would be too large together, and one at least', async () => {
      const { store } = await open();
      const channel = newChannel();
      const total = 12;
      for (const n of upTo(total)) {
        await store.append(channel, [{ from: 'a', type: 'b', data: { n, text: 'x'.repeat(MIB) } }]);
      }
      for (const name of [channel, `${channel}:b`]) {
        const seen: number[] = [];
        while (seen[0] !== 1) {
          const batch = await store.latest({ channel: name, limit: ALL, before: seen[0] });
          expect(batch.json.length).toBeLessThanOrEqual(MAX_PAGE_BYTES + 2 * MIB);
          expect(batch.count).toBeGreaterThan(0);
          expect(batch.events.at(-1)?.id).toBe((seen[0] ?? total + 1) - 1);
          seen.unshift(...ids(batch));
        }
        expect(seen).toEqual(upTo(total));
      }
    });

    it('returns no dropped event', async () => {
      const { store } = await open({ retention: { maxEvents: 10 } });
      const channel = newChannel();
      await store.append(
        channel,
        upTo(50).map((n) => event(n, n % 2 ? 'odd' : 'even')),
      );
      expect(ids(await store.latest({ channel, limit: ALL }))).toEqual(upTo(50, 41));
      expect(ids(await store.latest({ channel: `${channel}:odd`, limit: ALL }))).toEqual([
        41, 43, 45, 47, 49,
      ]);
      for (const name of [channel, `${channel}:odd`]) {
        const batch = await store.latest({ channel: name, limit: ALL, before: 41 });
        expect(batch).toMatchObject({ count: 0, firstId: 41, lastId: 50 });
      }
    });

    it('has every event that was acknowledged before, while others are appended', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await Promise.all(
        upTo(100).map(async (n) => {
          const [header] = await (n % 2 ? store : peer).append(channel, [event(n)]);
          const batch = await (n % 3 ? store : peer).latest({ channel, limit: ALL });
          expect(ids(batch)).toEqual(upTo(batch.count));
          expect(batch.count).toBeGreaterThanOrEqual(header?.id ?? 0);
        }),
      );
    });
  });
}
