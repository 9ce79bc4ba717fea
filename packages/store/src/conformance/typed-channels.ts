import { describe, expect, it } from 'vitest';
import {
  ALL,
  event,
  ids,
  LONG_MS,
  newChannel,
  type OpenStore,
  untilWaiting,
  upTo,
} from './store-under-test.js';

export function describeTypedChannels(open: OpenStore): void {
  describe('typed channels', () => {
    it('file an event under its type, or under the one in the name', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1, 'add'), event(2, 'remove')]);
      expect(await store.append(`${channel}:add`, [event(3, 'remove'), event(4, 'else')])).toMatchObject([
        { id: 3 },
        { id: 4 },
      ]);
      await store.append(channel, [event(5, 'add')]);
      const read = async (name: string) => ids(await store.read({ channel: name, after: 0, limit: ALL }));
      expect(await read(channel)).toEqual(upTo(5));
      expect(await read(`${channel}:add`)).toEqual([1, 3, 4, 5]);
      expect(await read(`${channel}:remove`)).toEqual([2]);
      expect(await read(`${channel}:else`)).toEqual([]);
      expect(await read(`${channel}:ad`)).toEqual([]);
    });

    it('keep the type that the publisher gave', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(`${channel}:add`, [event(1, 'remove')]);
      const { events } = await store.read({ channel: `${channel}:add`, after: 0, limit: 1 });
      expect(events).toMatchObject([{ id: 1, type: 'remove' }]);
    });

    it('are read with the ids of the channel, with gaps, by cursor and limit', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(
        channel,
        upTo(30).map((n) => event(n, n % 3 ? 'other' : 'third')),
      );
      const read = async (after: number, limit: number) =>
        ids(await store.read({ channel: `${channel}:third`, after, limit }));
      expect(await read(0, ALL)).toEqual([3, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
      expect(await read(0, 2)).toEqual([3, 6]);
      expect(await read(6, 2)).toEqual([9, 12]);
      expect(await read(7, 2)).toEqual([9, 12]);
      expect(await read(29, 2)).toEqual([30]);
      expect(await read(30, 2)).toEqual([]);
    });

    it('tell the bounds of the channel', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1, 'a'), event(2, 'b'), event(3, 'a')]);
      for (const [type, count] of [
        ['b', 1],
        ['none', 0],
      ] as const) {
        const batch = await store.read({ channel: `${channel}:${type}`, after: 0, limit: ALL });
        expect(batch).toMatchObject({ count, firstId: 1, lastId: 3 });
      }
    });

    it('are polled without being ended by other types', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const add = store.poll({ channel: `${channel}:add`, after: 0, limit: ALL }, { timeoutMs: LONG_MS });
      const all = store.poll({ channel, after: 0, limit: 1 }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 2);
      await peer.append(channel, [event(1, 'remove')]);
      await all;
      await untilWaiting(store, 1);
      await peer.append(`${channel}:remove`, [event(2, 'add')]);
      await peer.append(channel, [event(3, 'remove'), event(4, 'add')]);
      expect(ids(await add)).toEqual([4]);
    });

    it('are woken by an append to the typed name', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const polls = [channel, `${channel}:add`].map((name) =>
        store.poll({ channel: name, after: 0, limit: ALL }, { timeoutMs: LONG_MS }),
      );
      await untilWaiting(store, 2);
      await peer.append(`${channel}:add`, [event(1, 'whatever')]);
      expect((await Promise.all(polls)).map(ids)).toEqual([[1], [1]]);
    });

    it('time out while only other types come', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const poll = store.poll({ channel: `${channel}:add`, after: 0, limit: 1 }, { timeoutMs: 100 });
      await peer.append(channel, [event(1, 'remove')]);
      expect(await poll).toMatchObject({ count: 0 });
    });

    it('may have a colon in the type', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1, 'add:more'), event(2, 'add'), event(3, ':')]);
      await store.append(`${channel}:add:more`, [event(4, 'x')]);
      const read = async (name: string) => ids(await store.read({ channel: name, after: 0, limit: ALL }));
      expect(await read(`${channel}:add:more`)).toEqual([1, 4]);
      expect(await read(`${channel}:add`)).toEqual([2]);
      expect(await read(`${channel}::`)).toEqual([3]);
    });

    it('begin at a colon that is neither first nor last', async () => {
      const { store } = await open();
      const channel = newChannel();
      const names = [channel, `:${channel}`, `${channel}:`];
      for (const [i, name] of names.entries()) {
        expect(await store.append(name, [event(i)])).toMatchObject([{ id: 1 }]);
      }
      for (const [i, name] of names.entries()) {
        const { events } = await store.read({ channel: name, after: 0, limit: ALL });
        expect(events.map(({ data }) => data)).toEqual([{ n: i }]);
      }
    });

    it('take events whose type fits into no channel name', async () => {
      const { store } = await open();
      const channel = newChannel();
      const types = ['x'.repeat(5_000), '\u0000\n', '\ud800', 'a\udfff', '深'.repeat(256)];
      await store.append(
        channel,
        types.map((type, n) => event(n, type)),
      );
      const { events } = await store.read({ channel, after: 0, limit: ALL });
      expect(events.map(({ type }) => type)).toEqual(types);
    });

    it('are opaque names where typed channels are off', async () => {
      const { store, peer } = await open({ typedChannels: false });
      const channel = newChannel();
      const poll = store.poll({ channel: `${channel}:add`, after: 0, limit: 1 }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 1);
      expect(await store.append(channel, [event(1, 'add'), event(2, 'add')])).toMatchObject([
        { id: 1 },
        { id: 2 },
      ]);
      expect(await peer.append(`${channel}:add`, [event(3, 'add')])).toMatchObject([{ id: 1 }]);
      expect(await poll).toMatchObject({ count: 1, events: [{ id: 1, data: { n: 3 } }] });
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual([1, 2]);
    });
  });
}
