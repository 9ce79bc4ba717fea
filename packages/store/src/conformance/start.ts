import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import { ALL, event, events, ids, newChannel, type OpenStore, upTo } from './store-under-test.js';

export function describeStart(open: OpenStore): void {
  describe('where a consumer begins', () => {
    /** Appends until so many events, one at a time, have timestamps of their own. */
    const appendApart = async (store: EventStore, channel: string, count: number) => {
      const timestamps: number[] = [];
      while (timestamps.length < count) {
        const [header] = await store.append(channel, [event(timestamps.length + 1)]);
        const { timestamp } = header as { timestamp: number };
        timestamps.push(timestamp);
        while (timestamps.length < count && (await clockOf(store, channel)) <= timestamp);
      }
      return timestamps;
    };
    /** What the store gives as a timestamp now, found out in a channel of its own. */
    const clockOf = async (store: EventStore, channel: string) =>
      (await store.append(`${channel}/clock`, [event(0)]))[0]?.timestamp ?? 0;

    it('is with the first event by default, and is not saved', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, events(3));
      expect(await store.loadCursor('new', channel, 'first')).toEqual({ after: 0, epoch: undefined });
      expect(await store.loadCursor('new', channel, 'new')).toMatchObject({ after: 3 });
    });

    it('is behind the newest event there is, and stays there', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, events(3));
      const { epoch } = await store.read({ channel, after: 2, limit: 1 });
      expect(await store.loadCursor('new', channel, 'new')).toEqual({ after: 3, epoch });
      await store.append(channel, events(2));
      for (const start of ['new', 'first', undefined, 0] as const) {
        expect(await peer.loadCursor('new', channel, start)).toEqual({ after: 3, epoch });
      }
      expect(await store.loadCursor('new', `${channel}:add`, 'new')).toMatchObject({ after: 5 });
    });

    it('is at 0 of a channel that is empty, so that what comes next is not missed', async () => {
      const { store } = await open();
      const channel = newChannel();
      expect(await store.loadCursor('new', channel, 'new')).toMatchObject({ after: 0 });
      await store.append(channel, events(2));
      expect(await store.loadCursor('new', channel, 'new')).toMatchObject({ after: 0 });
      expect(await store.cursorAt(newChannel(), 1)).toEqual({
        after: 0,
        epoch: undefined,
        firstId: 0,
        lastId: 0,
      });
    });

    it('is not looked at where a cursor is saved, also at 0', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, events(3));
      await store.saveCursor('old', channel, 0);
      expect(await store.loadCursor('old', channel, 'new')).toMatchObject({ after: 0 });
      await store.saveCursor('older', channel, 2);
      expect(await store.loadCursor('older', channel, 1)).toMatchObject({ after: 2 });
    });

    it('is one place for all who look first at once, while others append', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, events(5));
      const [found] = await Promise.all([
        Promise.all(upTo(40).map((n) => (n % 2 ? store : peer).loadCursor('new', channel, 'new'))),
        ...upTo(40).map((n) => (n % 2 ? peer : store).append(channel, [event(n)])),
      ]);
      const { after } = await store.loadCursor('new', channel);
      expect(new Set(found.map((cursor) => cursor.after))).toEqual(new Set([after]));
      expect(after).toBeGreaterThanOrEqual(5);
    });

    it('does not take back what was saved meanwhile', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, events(9));
      await Promise.all([
        ...upTo(10).map(() => store.loadCursor('new', channel, 'new')),
        store.saveCursor('new', channel, 4),
      ]);
      expect(await store.loadCursor('new', channel, 'new')).toMatchObject({ after: 4 });
    });

    it('is before the first event of a time or a later one', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const timestamps = await appendApart(store, channel, 12);
      const expected = (time: number) => timestamps.filter((timestamp) => timestamp < time).length;
      const times = timestamps.flatMap((timestamp) => [timestamp - 1, timestamp, timestamp + 1]);
      for (const time of [0, ...times, Date.now() + 86_400_000]) {
        const after = expected(time);
        expect(await peer.cursorAt(channel, time), `${time}`).toMatchObject({
          after,
          firstId: 1,
          lastId: 12,
        });
        expect((await store.cursorAt(`${channel}:add`, time)).after).toBe(after);
      }
      const { epoch } = await store.read({ channel, after: 4, limit: 1 });
      expect(await store.cursorAt(channel, timestamps[5] as number)).toMatchObject({ after: 5, epoch });
      expect(await store.loadCursor('new', channel, timestamps[5])).toEqual({ after: 5, epoch });
      await store.append(channel, [event(13)]);
      expect(await store.loadCursor('new', channel, timestamps[7])).toMatchObject({ after: 5 });
    });

    it('is before the first of many of one time', async () => {
      const { store } = await open();
      const channel = newChannel();
      const headers = [];
      for (const count of [300, 1, 500]) headers.push(await store.append(channel, events(count)));
      const all = headers.flat();
      for (const { timestamp } of [all[0], all[300], all[301]] as { timestamp: number }[]) {
        const first = all.findIndex((header) => header.timestamp === timestamp);
        expect((await store.cursorAt(channel, timestamp)).after).toBe(first);
      }
    });

    it('is among the events that are kept, for a time', async () => {
      const underTest = await open();
      const { store } = underTest;
      const channel = newChannel();
      const timestamps = await appendApart(store, channel, 8);
      if (underTest.trim === undefined) return;
      await underTest.trim(channel, { maxEvents: 3, maxAgeMs: 0, now: Date.now() });
      const at = (time: number | undefined) => store.cursorAt(channel, time ?? 0);
      expect(await at(0)).toMatchObject({ after: 5, firstId: 6, lastId: 8 });
      expect(await at(timestamps[1])).toMatchObject({ after: 5 });
      expect(await at(timestamps[6])).toMatchObject({ after: 6 });
      await underTest.trim(channel, { maxEvents: 0, maxAgeMs: 1, now: Date.now() + 60_000 });
      expect(await at(timestamps[6])).toMatchObject({ after: 8, firstId: 0, lastId: 8 });
      const page = await store.read({ channel, after: (await at(0)).after, limit: ALL });
      expect(ids(page)).toEqual([]);
    });
  });
}
