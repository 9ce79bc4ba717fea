import type { EventInput } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import { ALL, event, events, ids, newChannel, type OpenStore, upTo } from './store-under-test.js';

export function describeAppend(open: OpenStore): void {
  describe('append', () => {
    it('gives ids from 1 without gaps, per channel', async () => {
      const { store } = await open();
      const [one, two] = [newChannel(), newChannel()];
      for (const id of [1, 2, 3]) {
        expect(await store.append(one, [event(id)])).toEqual([{ id, timestamp: expect.any(Number) }]);
      }
      expect(await store.append(two, [event(1)])).toMatchObject([{ id: 1 }]);
      expect(await store.append(one, [event(4)])).toMatchObject([{ id: 4 }]);
      expect(ids(await store.read({ channel: one, after: 0, limit: ALL }))).toEqual(upTo(4));
    });

    it('is possible where ping resolves', async () => {
      const { store } = await open();
      await store.ping();
    });

    it('gives the time of the append in whole milliseconds', async () => {
      const { store } = await open();
      const channel = newChannel();
      const [header] = await store.append(channel, [event(1)]);
      expect(Number.isInteger(header?.timestamp)).toBe(true);
      // The clock may be that of another machine.
      expect(Math.abs((header?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000);
      const [stored] = (await store.read({ channel, after: 0, limit: 1 })).events;
      expect(stored).toEqual({ ...header, ...event(1) });
    });

    it('stores several events with consecutive ids in the given order', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1)]);
      const headers = await store.append(channel, [event(2), event(3), event(4)]);
      expect(headers.map(({ id }) => id)).toEqual([2, 3, 4]);
      const { events: stored } = await store.read({ channel, after: 0, limit: ALL });
      expect(stored.map(({ id, data }) => [id, data])).toEqual(upTo(4).map((n) => [n, { n }]));
    });

    it('stores from, type, data and metadata of each, and nothing else', async () => {
      const { store } = await open();
      const channel = newChannel();
      const inputs: EventInput[] = [
        { from: 'a', type: 'x', data: { n: 1 } },
        { from: 'a', type: 'x' },
        { from: 'b', type: 'x', data: ['"', '\\', 'ü', '\n'] },
        { from: 'b', type: '"y"', data: {} },
        { from: 'b', type: '"y"', data: { n: 2 }, id: 7, more: true } as EventInput,
        { from: 'b', type: '"y"', metadata: { 'a.b-c_1': 'ü\n"', __proto__x: '' } },
        { from: 'b', type: '"y"', data: [], metadata: {} },
      ];
      const headers = await store.append(channel, inputs);
      const { events: stored } = await store.read({ channel, after: 0, limit: ALL });
      expect(stored).toEqual(
        inputs.map(({ from, type, data, metadata }, i) => ({
          ...headers[i],
          from,
          type,
          ...(data && { data }),
          ...(metadata && { metadata }),
        })),
      );
    });

    it('stores tens of thousands at once', async () => {
      const { store } = await open();
      const channel = newChannel();
      const headers = await store.append(channel, events(50_000));
      expect(headers.map(({ id }) => id)).toEqual(upTo(50_000));
      expect(await store.read({ channel, after: 0, limit: 50_000 })).toMatchObject({
        count: 50_000,
        lastId: 50_000,
      });
    });

    it('stores nothing where one of several has no JSON text, and goes on', async () => {
      const { store } = await open();
      const channel = newChannel();
      const cycle: { self?: object } = {};
      cycle.self = cycle;
      let deep: unknown[] = [];
      for (let i = 0; i < 100_000; i++) deep = [deep];
      for (const data of [cycle, { big: 1n }, deep].filter(hasNoText)) {
        const bad = { from: 'test', type: 'add', data } as EventInput;
        await expect(store.append(channel, [event(1), bad, event(2)])).rejects.toMatchObject({
          name: 'EventsError',
          code: 'InvalidContent',
        });
      }
      expect(await store.read({ channel, after: 0, limit: ALL })).toMatchObject({ count: 0, lastId: 0 });
      expect(await store.append(channel, [event(1)])).toMatchObject([{ id: 1 }]);
    });

    it('refuses what is no event', async () => {
      const { store } = await open();
      const channel = newChannel();
      for (const bad of [
        {},
        { from: '', type: 't' },
        { from: 'f', type: 1 },
        { from: 'f', type: 't', data: 'x' },
        { type: 't' },
        { from: 'f' },
        { from: 'f', type: 't', metadata: [] },
        { from: 'f', type: 't', metadata: { Upper: 'x' } },
        { from: 'f', type: 't', metadata: { n: 1 } },
      ] as EventInput[]) {
        await expect(store.append(channel, [bad, event(1)])).rejects.toMatchObject({
          code: 'InvalidContent',
        });
        await expect(store.append(channel, [event(1), bad])).rejects.toMatchObject({
          name: 'EventsError',
          code: 'InvalidContent',
        });
      }
      expect(await store.read({ channel, after: 0, limit: ALL })).toMatchObject({ count: 0, lastId: 0 });
    });

    it('lets an append with no JSON text fail alone', async () => {
      const { store } = await open();
      const channel = newChannel();
      const bad = { from: 'test', type: 'add', data: { big: 1n } } as EventInput;
      const outcomes = await Promise.allSettled([
        store.append(channel, [event(1)]),
        store.append(channel, [bad]),
        store.append(channel, [event(2)]),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual([1, 2]);
    });

    it('takes no event and gives no header', async () => {
      const { store } = await open();
      const channel = newChannel();
      expect(await store.append(channel, [])).toEqual([]);
      expect(await store.read({ channel, after: 0, limit: 1 })).toMatchObject({ count: 0, lastId: 0 });
    });

    it('can be read, from anywhere, once it has resolved', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      for (let n = 1; n <= 20; n++) {
        const [writer, reader] = n % 2 ? [store, peer] : [peer, store];
        await writer.append(channel, [event(n)]);
        expect(ids(await reader.read({ channel, after: n - 1, limit: 1 }))).toEqual([n]);
      }
    });

    it('keeps hundreds of concurrent appends whole, with ids without gaps', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const headers = await Promise.all(
        upTo(300).map((n) =>
          (n % 2 ? store : peer).append(channel, n % 3 ? [event(n)] : [event(n), event(-n)]),
        ),
      );
      const given = headers.flat().map(({ id }) => id);
      expect(given.sort((a, b) => a - b)).toEqual(upTo(400));
      const { events: stored } = await store.read({ channel, after: 0, limit: ALL });
      expect(stored.map(({ id }) => id)).toEqual(upTo(400));
      for (const [i, appended] of headers.entries()) {
        const data = appended.map(({ id }) => stored[id - 1]?.data);
        expect(data).toEqual((i + 1) % 3 ? [{ n: i + 1 }] : [{ n: i + 1 }, { n: -i - 1 }]);
        expect(appended.at(-1)?.id).toBe((appended[0]?.id ?? 0) + appended.length - 1);
      }
    });

    it('keeps thousands of channels apart', async () => {
      const { store } = await open();
      const prefix = newChannel();
      const channels = upTo(3_000).map((n) => `${prefix}/${n}`);
      await Promise.all(channels.map((channel, i) => store.append(channel, events((i % 3) + 1))));
      const batches = await Promise.all(
        channels.map((channel) => store.read({ channel, after: 0, limit: ALL })),
      );
      expect(batches.map(({ count, lastId }) => [count, lastId])).toEqual(
        channels.map((_, i) => [(i % 3) + 1, (i % 3) + 1]),
      );
    });
  });
}

/** What is nested deeply has a text where Node.js is new enough, from 26 on. */
function hasNoText(data: unknown): boolean {
  try {
    JSON.stringify(data);
    return false;
  } catch {
    return true;
  }
}
