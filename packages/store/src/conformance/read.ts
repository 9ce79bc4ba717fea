import { describe, expect, it } from 'vitest';
import { ALL, event, events, ids, newChannel, type OpenStore, upTo } from './store-under-test.js';

export function describeRead(open: OpenStore): void {
  describe('read', () => {
    it('returns the events after a cursor, ascending, at most limit', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, events(10));
      for (const [after, limit, expected] of [
        [0, 1, [1]],
        [0, 3, [1, 2, 3]],
        [3, 3, [4, 5, 6]],
        [8, 3, [9, 10]],
        [10, 3, []],
        [0, 10, upTo(10)],
        [0, Number.MAX_SAFE_INTEGER, upTo(10)],
        // Who is ahead, and tells no epoch, has seen the events of another store.
        [11, 3, [1, 2, 3]],
        [Number.MAX_SAFE_INTEGER, 1, [1]],
      ] as const) {
        const batch = await store.read({ channel, after, limit });
        expect([after, limit, ids(batch), batch.count]).toEqual([after, limit, expected, expected.length]);
      }
    });

    it('tells the first and the last id of the channel with every batch', async () => {
      const { store } = await open();
      const channel = newChannel();
      expect(await store.read({ channel, after: 0, limit: 1 })).toMatchObject({ firstId: 0, lastId: 0 });
      expect(await store.read({ channel, after: 7, limit: 1 })).toMatchObject({ firstId: 0, lastId: 0 });
      await store.append(channel, events(5));
      for (const after of [0, 3, 5, 99]) {
        expect(await store.read({ channel, after, limit: 1 })).toMatchObject({ firstId: 1, lastId: 5 });
      }
    });

    it('returns JSON text that is ready to send', async () => {
      const { store } = await open();
      const channel = newChannel();
      expect((await store.read({ channel, after: 0, limit: ALL })).json.toString()).toBe('[]');
      const [header] = await store.append(channel, [event(1), { from: 'a', type: 'b' }]);
      const { json } = await store.read({ channel, after: 0, limit: ALL });
      expect(JSON.parse(json.toString())).toEqual([
        { id: 1, timestamp: header?.timestamp, from: 'test', type: 'add', data: { n: 1 } },
        { id: 2, timestamp: header?.timestamp, from: 'a', type: 'b' },
      ]);
    });

    it('does not wait', async () => {
      const { store } = await open();
      const channel = newChannel();
      expect((await store.read({ channel, after: 0, limit: 1 })).count).toBe(0);
      expect(
        (await store.poll({ channel, after: 0, limit: 1 }, { timeoutMs: 0 })).count,
        'nor does a poll with no time',
      ).toBe(0);
    });
  });
}
