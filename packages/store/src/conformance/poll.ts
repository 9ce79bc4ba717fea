import { describe, expect, it } from 'vitest';
import {
  ALL,
  event,
  events,
  gate,
  ids,
  LONG_MS,
  newChannel,
  type OpenStore,
  untilWaiting,
  upTo,
} from './store-under-test.js';

export function describePoll(open: OpenStore): void {
  describe('poll', () => {
    it('returns what is there without waiting, at most limit', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, events(5));
      const poll = (after: number, limit: number) =>
        store.poll({ channel, after, limit }, { timeoutMs: LONG_MS });
      expect(ids(await poll(0, ALL))).toEqual(upTo(5));
      expect(ids(await poll(1, 2))).toEqual([2, 3]);
      expect(ids(await poll(4, 2))).toEqual([5]);
    });

    it.each(['store', 'peer'] as const)('is woken by an append from the %s', async (writer) => {
      const underTest = await open();
      const { store } = underTest;
      const channel = newChannel();
      await store.append(channel, [event(1)]);
      const poll = store.poll({ channel, after: 1, limit: ALL }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 1);
      const [header] = await underTest[writer].append(channel, [event(2)]);
      const batch = await poll;
      expect(batch.events).toEqual([{ ...header, ...event(2) }]);
      expect(batch).toMatchObject({ count: 1, firstId: 1, lastId: 2 });
    });

    it('is woken by the first event of a channel', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const poll = store.poll({ channel, after: 0, limit: ALL }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 1);
      await peer.append(channel, [event(1)]);
      expect(await poll).toMatchObject({ count: 1, firstId: 1, lastId: 1 });
    });

    it('gets all events of the append that woke it', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const polls = [ALL, 2].map((limit) => store.poll({ channel, after: 0, limit }, { timeoutMs: LONG_MS }));
      await untilWaiting(store, 2);
      await peer.append(channel, events(3));
      expect((await Promise.all(polls)).map(ids)).toEqual([
        [1, 2, 3],
        [1, 2],
      ]);
    });

    it('wakes every waiter of the channel with one append', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const polls = upTo(200).map((n) =>
        (n % 2 ? store : peer).poll({ channel, after: 0, limit: 1 + (n % 3) }, { timeoutMs: LONG_MS }),
      );
      await untilWaiting(store, store === peer ? 200 : 100);
      await untilWaiting(peer, 100);
      await store.append(channel, [event(1)]);
      const started = performance.now();
      for (const batch of await Promise.all(polls)) expect(ids(batch)).toEqual([1]);
      expect(performance.now() - started).toBeLessThan(LONG_MS / 2);
    });

    it('wakes nobody on other channels', async () => {
      const { store, peer } = await open();
      const [mine, other] = [newChannel(), newChannel()];
      const poll = store.poll({ channel: mine, after: 0, limit: 1 }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 1);
      await peer.append(other, [event(1)]);
      await peer.append(`${mine}/longer`, [event(1)]);
      expect(store.waiting).toBe(1);
      await peer.append(mine, [event(1)]);
      expect(await poll).toMatchObject({ count: 1, lastId: 1 });
    });

    it.each(['store', 'peer'] as const)(
      'loses no append of the %s that falls between its read and its wait',
      async (writer) => {
        const channel = newChannel();
        const between: (() => Promise<unknown>)[] = [];
        const underTest = await open({ hooks: { beforeWait: async () => void (await between.shift()?.()) } });
        // The channel is new, known to the store, and known with events: each takes its own way to the wait.
        for (const id of upTo(3)) {
          between.push(() => underTest[writer].append(channel, [event(id)]));
          const batch = await underTest.store.poll(
            { channel, after: id - 1, limit: ALL },
            { timeoutMs: LONG_MS },
          );
          expect(ids(batch)).toEqual([id]);
        }
      },
    );

    it('loses no append between read and wait for all who share the read', async () => {
      const channel = newChannel();
      const reached = gate();
      const appended = gate();
      let polls = 0;
      const { store, peer } = await open({
        hooks: {
          beforeWait: () => {
            if (++polls === 20) reached.open();
            return appended.opened;
          },
        },
      });
      const batches = upTo(20).map(() => store.poll({ channel, after: 0, limit: 1 }, { timeoutMs: LONG_MS }));
      await reached.opened;
      await peer.append(channel, [event(1)]);
      appended.open();
      for (const batch of await Promise.all(batches)) expect(ids(batch)).toEqual([1]);
    });

    it('begins at the first event with a cursor of unknown origin that is ahead of the newest id, and says so', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const names = [channel, `${channel}:add`];
      const read = (name: string, timeoutMs: number) =>
        store.poll({ channel: name, after: 1_000_000, limit: ALL }, { timeoutMs });
      for (const name of names) {
        expect(await read(name, 20)).toMatchObject({ count: 0, lastId: 0, rewoundTo: 0 });
      }
      const polls = names.map((name) => read(name, LONG_MS));
      await untilWaiting(store, 2);
      await peer.append(channel, events(2));
      const late = await Promise.all(names.map((name) => read(name, LONG_MS)));
      for (const batch of [...(await Promise.all(polls)), ...late]) {
        expect(ids(batch)).toEqual([1, 2]);
        expect(batch).toMatchObject({ lastId: 2, rewoundTo: 0 });
      }
    });

    it('is not taken back by what it has heard of late', async () => {
      // A consumer may come from a server that has heard of an event earlier.
      const { store, peer } = await open();
      const channel = newChannel();
      const first = store.poll({ channel, after: 0, limit: ALL }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 1);
      for (let id = 1; id <= 200; id++) {
        await peer.append(channel, [event(id)]);
        const batch = await store.poll({ channel, after: id, limit: ALL }, { timeoutMs: 1 });
        expect(ids(batch)).toEqual([]);
        expect(batch.lastId).toBe(id);
      }
      await first;
    });

    it('answers with an empty batch after its time', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, events(2));
      const started = performance.now();
      const batch = await store.poll({ channel, after: 2, limit: ALL }, { timeoutMs: 50 });
      expect(performance.now() - started).toBeGreaterThanOrEqual(49);
      expect(batch).toMatchObject({ count: 0, firstId: 1, lastId: 2 });
      expect(batch.json.toString()).toBe('[]');
      expect(store.waiting).toBe(0);
    });

    it('ends with an empty batch when its signal aborts, and leaves nothing behind', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1)]);
      const controllers = upTo(10).map(() => new AbortController());
      const polls = controllers.map(({ signal }) =>
        store.poll({ channel, after: 1, limit: ALL }, { timeoutMs: LONG_MS, signal }),
      );
      await untilWaiting(store, 10);
      const last = polls.pop();
      for (const controller of controllers.slice(0, 9)) controller.abort();
      for (const batch of await Promise.all(polls)) expect(batch.count).toBe(0);
      expect(store.waiting).toBe(1);
      await peer.append(channel, [event(2)]);
      expect(await last).toMatchObject({ count: 1, lastId: 2 });
    });

    it('ends at once when its signal has aborted before', async () => {
      const { store } = await open();
      const channel = newChannel();
      const options = { timeoutMs: LONG_MS, signal: AbortSignal.abort() };
      expect(await store.poll({ channel, after: 0, limit: 1 }, options)).toMatchObject({ count: 0 });
      expect(store.waiting).toBe(0);
    });

    it('ends when its signal aborts between its read and its wait', async () => {
      const controller = new AbortController();
      const { store } = await open({ hooks: { beforeWait: () => controller.abort() } });
      const channel = newChannel();
      const options = { timeoutMs: LONG_MS, signal: controller.signal };
      expect(await store.poll({ channel, after: 0, limit: 1 }, options)).toMatchObject({ count: 0 });
      expect(store.waiting).toBe(0);
    });

    it('waits on many channels at once', async () => {
      const { store, peer } = await open();
      const prefix = newChannel();
      const channels = upTo(500).map((n) => `${prefix}/${n}`);
      const polls = channels.map((channel) =>
        store.poll({ channel, after: 0, limit: 1 }, { timeoutMs: LONG_MS }),
      );
      await untilWaiting(store, 500);
      await Promise.all(channels.map((channel, i) => peer.append(channel, [event(i)])));
      const batches = await Promise.all(polls);
      expect(batches.map(({ events: [first] }) => first?.data)).toEqual(channels.map((_, n) => ({ n })));
    });
  });
}
