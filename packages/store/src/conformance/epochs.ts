import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import { ALL, event, events, ids, LONG_MS, newChannel, type OpenStore, upTo } from './store-under-test.js';

/** Appends once the store takes appends. */
async function appendTo(store: EventStore, channel: string, count: number, first: number): Promise<void> {
  const inputs = events(count).map((_, i) => event(first + i));
  await expect
    .poll(() => store.append(channel, inputs).then(() => 'appended', String), { timeout: LONG_MS })
    .toBe('appended');
}

/** Resolves once the store can be read, which it cannot while it finds its server again. */
async function untilBack(store: EventStore, channel: string): Promise<void> {
  const look = () => store.read({ channel, after: 0, limit: 1 }).then(() => 'back', String);
  await expect.poll(look, { timeout: LONG_MS }).toBe('back');
}

const numbers = ({ events }: { events: readonly { data?: unknown }[] }) =>
  events.map(({ data }) => (data as { n: number }).n);

const noWait = { timeoutMs: 0 };

export function describeEpochs(open: OpenStore): void {
  describe('a store that comes back older', () => {
    /** A channel with `kept` events in a backup and `lost` more after it; then it is restored, and gets `fresh` others. */
    async function restored({ kept, lost, fresh }: { kept: number; lost: number; fresh: number }) {
      const underTest = await open();
      const channel = newChannel();
      if (kept > 0) await underTest.store.append(channel, events(kept));
      const restore = await underTest.backUp();
      if (lost > 0) await underTest.store.append(channel, events(lost));
      const { epoch } = await underTest.store.read({ channel, after: 0, limit: ALL });
      const store = await restore();
      await untilBack(store, channel);
      if (fresh > 0) await appendTo(store, channel, fresh, 101);
      return { store, channel, epoch, after: kept + lost };
    }

    it('takes a cursor back to what it still has, though its ids have overtaken it', async () => {
      const { store, channel, epoch, after } = await restored({ kept: 3, lost: 2, fresh: 4 });
      for (const name of [channel, `${channel}:add`]) {
        const page = await store.poll({ channel: name, after, epoch, limit: ALL }, { timeoutMs: LONG_MS });
        expect(page).toMatchObject({ rewoundTo: 3, firstId: 1, lastId: 7 });
        expect(ids(page)).toEqual([4, 5, 6, 7]);
        expect(numbers(page)).toEqual([101, 102, 103, 104]);
        const next = await store.poll({ channel: name, after: 7, epoch: page.epoch, limit: ALL }, noWait);
        expect(next).toMatchObject({ count: 0, rewoundTo: undefined });
      }
    });

    it('tells of a consumer in what is lost how much lies ahead of its next read', async () => {
      const { store, channel, epoch, after } = await restored({ kept: 3, lost: 2, fresh: 4 });
      await store.saveCursor('c', channel, after, epoch);
      expect(await store.consumers(channel, { limit: 9 })).toMatchObject([{ clientId: 'c', after, lag: 4 }]);
    });

    it('takes a cursor back that is ahead of it, before anything is appended', async () => {
      const { store, channel, epoch, after } = await restored({ kept: 3, lost: 2, fresh: 0 });
      const page = await store.read({ channel, after, epoch, limit: ALL });
      expect(page).toMatchObject({ count: 0, rewoundTo: 3, lastId: 3 });
      await appendTo(store, channel, 1, 101);
      const next = await store.read({ channel, after: 3, epoch: page.epoch, limit: ALL });
      expect(next).toMatchObject({ rewoundTo: undefined });
      expect(numbers(next)).toEqual([101]);
    });

    it('goes on without a word where nothing was lost', async () => {
      const { store, channel, epoch } = await restored({ kept: 5, lost: 0, fresh: 2 });
      for (const after of [5, 4, 0]) {
        const page = await store.poll({ channel, after, epoch, limit: ALL }, { timeoutMs: LONG_MS });
        expect(page).toMatchObject({ rewoundTo: undefined, lastId: 7 });
        expect(ids(page)).toEqual(upTo(7, after + 1));
      }
    });

    it('goes on without a word for those who have not seen what was lost', async () => {
      const { store, channel, epoch } = await restored({ kept: 3, lost: 2, fresh: 3 });
      const page = await store.read({ channel, after: 2, epoch, limit: ALL });
      expect(page.rewoundTo).toBeUndefined();
      expect(ids(page)).toEqual([3, 4, 5, 6]);
    });

    it('begins at its first event where it came back empty', async () => {
      const { store, channel, epoch, after } = await restored({ kept: 0, lost: 5, fresh: 7 });
      const page = await store.poll({ channel, after, epoch, limit: ALL }, { timeoutMs: LONG_MS });
      expect(page).toMatchObject({ rewoundTo: 0, lastId: 7 });
      expect(ids(page)).toEqual(upTo(7));
    });

    it('knows the epochs of many restores', async () => {
      const underTest = await open();
      const channel = newChannel();
      let { store } = underTest;
      await store.append(channel, events(1));
      const lost: { after: number; epoch: string }[] = [];
      for (const n of upTo(3)) {
        const restore = await underTest.backUp();
        await store.append(channel, events(2));
        const { lastId, epoch } = await store.read({ channel, after: 0, limit: ALL });
        lost.push({ after: lastId, epoch });
        store = await restore();
        await untilBack(store, channel);
        await appendTo(store, channel, 3, 100 * n);
      }
      for (const [i, { after, epoch }] of lost.entries()) {
        const page = await store.read({ channel, after, epoch, limit: ALL });
        expect(page).toMatchObject({ rewoundTo: 1 + 3 * i, lastId: 10 });
        expect(ids(page)).toEqual(upTo(10, 2 + 3 * i));
      }
      const pages = await Promise.all(upTo(10).map((limit) => store.read({ channel, after: 0, limit })));
      const starts = pages.map(({ epoch }) => Number.parseInt(epoch, 10));
      expect(starts).toEqual([1, 2, 2, 2, 5, 5, 5, 8, 8, 8]);
    });

    it('wakes those who wait behind what is lost', async () => {
      const underTest = await open();
      const { store: first } = underTest;
      const channel = newChannel();
      await underTest.store.append(channel, events(3));
      const restore = await underTest.backUp();
      await underTest.store.append(channel, events(2));
      const { epoch } = await underTest.store.read({ channel, after: 0, limit: ALL });
      const cursor = { channel, after: 5, epoch, limit: ALL };
      const before = first.poll(cursor, { timeoutMs: 2 * LONG_MS });
      await expect.poll(() => first.waiting).toBe(1);
      const store = await restore();
      // If its store was closed for it, it comes again as every consumer does.
      const polls = store === first ? [before] : [store.poll(cursor, { timeoutMs: LONG_MS })];
      await expect.poll(() => store.waiting).toBe(1);
      await appendTo(store, channel, 4, 101);
      const [page] = await Promise.all(polls);
      expect(page?.rewoundTo).toBe(3);
      expect(page && numbers(page)).toEqual([101, 102, 103, 104].slice(0, page?.count));
      await before;
    });

    it('is judged without a cursor\u2019s epoch by its newest id only', async () => {
      const { store, channel } = await restored({ kept: 3, lost: 2, fresh: 3 });
      expect(await store.read({ channel, after: 5, limit: ALL })).toMatchObject({
        count: 1,
        rewoundTo: undefined,
      });
      expect(await store.read({ channel, after: 9, limit: ALL })).toMatchObject({ count: 6, rewoundTo: 0 });
    });

    it('repeats everything to those whose epoch means nothing to it', async () => {
      const { store, channel } = await restored({ kept: 3, lost: 0, fresh: 0 });
      for (const epoch of ['another-product', '2-7000000000000-x-6999999999999-y']) {
        const page = await store.read({ channel, after: 2, epoch, limit: ALL });
        expect(page).toMatchObject({ count: 3, rewoundTo: 0 });
      }
    });
  });
}
