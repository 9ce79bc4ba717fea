import { describe, expect, it } from 'vitest';
import { ALL, event, events, ids, LONG_MS, newChannel, type OpenStore, upTo } from './store-under-test.js';

const REUSED = { name: 'EventsError', code: 'IdempotencyKeyReused' };

const once = (key: string, clientId = 'web') => ({ idempotency: { clientId, key } });

export function describeIdempotency(open: OpenStore): void {
  describe('an append with an idempotency key', () => {
    it('stores its events once, and resolves with the same headers again, from anywhere', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, events(2));
      const headers = await store.append(channel, events(3), once('a'));
      expect(headers.map(({ id }) => id)).toEqual([3, 4, 5]);
      await store.append(channel, [event(6)]);
      for (const writer of [store, peer, store]) {
        expect(await writer.append(channel, events(3), once('a'))).toEqual(headers);
      }
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual(upTo(6));
    });

    it('stores its events once where it is sent many times at once', async () => {
      const { store, peer } = await open();
      for (let round = 0; round < 10; round++) {
        const channel = newChannel();
        const answers = await Promise.all(
          upTo(100).map((n) => (n % 2 ? store : peer).append(channel, events(2), once('a'))),
        );
        const [first] = answers;
        expect(first?.map(({ id }) => id)).toEqual([1, 2]);
        for (const headers of answers) expect(headers).toEqual(first);
        expect(ids(await peer.read({ channel, after: 0, limit: ALL }))).toEqual([1, 2]);
      }
    });

    it('keeps its place among others that are stored together with it', async () => {
      const { store } = await open();
      const channel = newChannel();
      const sent = [
        store.append(channel, [event(1)]),
        store.append(channel, [event(2), event(3)], once('a')),
        store.append(channel, [event(4)], once('b')),
        store.append(channel, [event(2), event(3)], once('a')),
        store.append(channel, [event(5)]),
        store.append(channel, [event(9)], once('b')),
        store.append(channel, [event(4)], once('b')),
        store.append(channel, [event(6)], once('c')),
      ];
      const outcomes = await Promise.allSettled(sent);
      expect(
        outcomes.map((outcome) =>
          outcome.status === 'fulfilled' ? outcome.value.map(({ id }) => id) : outcome.reason.code,
        ),
      ).toEqual([[1], [2, 3], [4], [2, 3], [5], 'IdempotencyKeyReused', [4], [6]]);
      const { events: stored } = await store.read({ channel, after: 0, limit: ALL });
      expect(stored.map(({ id, data }) => [id, data])).toEqual(upTo(6).map((n) => [n, { n }]));
    });

    it('wakes who waits, once', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const poll = (after: number, timeoutMs: number) =>
        store.poll({ channel, after, limit: ALL }, { timeoutMs });
      const first = poll(0, LONG_MS);
      await peer.append(channel, [event(1)], once('a'));
      expect(ids(await first)).toEqual([1]);
      const second = poll(1, 100);
      await peer.append(channel, [event(1)], once('a'));
      expect(await second).toMatchObject({ count: 0, lastId: 1 });
    });

    it('rejects where the key was used for other events, and stores nothing', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const sent = [event(1), event(2)];
      const headers = await store.append(channel, sent, once('a'));
      const others = [
        [event(1)],
        [event(2), event(1)],
        [event(1), event(2), event(2)],
        [event(1), event(2, 'other')],
        [event(1), { ...event(2), from: 'other' }],
        [event(1), { from: 'test', type: 'add' }],
        [event(1), { ...event(2), metadata: {} }],
      ];
      for (const [n, other] of others.entries()) {
        const append = (n % 2 ? store : peer).append(channel, other, once('a'));
        await expect(append).rejects.toMatchObject(REUSED);
      }
      expect(await peer.append(channel, sent, once('a'))).toEqual(headers);
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual([1, 2]);
    });

    it('knows an append again in whatever trace it is sent', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const traced = (traceparent: string, metadata = {}) => [
        { ...event(1), metadata: { ...metadata, traceparent, tracestate: 'a=b' } },
      ];
      const headers = await store.append(channel, traced('1'), once('a'));
      expect(await peer.append(channel, traced('2'), once('a'))).toEqual(headers);
      expect(await peer.append(channel, [event(1)], once('a'))).toEqual(headers);
      const tenant = await store.append(channel, traced('1', { tenant: 'north' }), once('b'));
      expect(await peer.append(channel, traced('2', { tenant: 'north' }), once('b'))).toEqual(tenant);
      await expect(peer.append(channel, traced('1', { tenant: 'south' }), once('b'))).rejects.toMatchObject(
        REUSED,
      );
      const { events: stored } = await store.read({ channel, after: 0, limit: ALL });
      expect(stored.map(({ metadata }) => metadata?.traceparent)).toEqual(['1', '1']);
    });

    it('lets one append win where different events are sent with one key at once', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const outcomes = await Promise.allSettled(
        upTo(20).map((n) => (n % 2 ? store : peer).append(channel, [event(n)], once('a'))),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(REUSED);
      }
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual([1]);
    });

    it('shares its key with no other client, channel name or key', async () => {
      const { store } = await open();
      const channel = newChannel();
      const places = [
        [channel, 'a', 'web'],
        [channel, 'b', 'web'],
        [channel, 'A', 'web'],
        [channel, 'a ', 'web'],
        [channel, 'a', 'mobile'],
        [channel, 'web', 'a'],
        [channel, 'b","web', 'a'],
        [channel, 'a'.repeat(255), 'web'],
        [channel, `${'a'.repeat(254)}b`, 'web'],
        [channel, 'a'.repeat(255), '海'.repeat(256)],
        [`${channel}:add`, 'a', 'web'],
        [`${channel}:other`, 'a', 'web'],
        [`${channel}/b`, 'a', 'web'],
      ] as const;
      const append = () =>
        Promise.all(places.map(([name, key, client]) => store.append(name, [event(1)], once(key, client))));
      const headers = await append();
      const { lastId } = await store.read({ channel, after: 0, limit: 1 });
      expect(lastId).toBe(places.length - 1);
      expect(await append()).toEqual(headers);
    });

    it('does not use its key up where it is rejected', async () => {
      const { store } = await open();
      const channel = newChannel();
      const bad = { from: 'test', type: 'add', data: { big: 1n } };
      await expect(store.append(channel, [bad], once('a'))).rejects.toMatchObject({ code: 'InvalidContent' });
      await store.append(channel, [event(1)], once('b'));
      await expect(store.append(channel, [event(2)], once('b'))).rejects.toMatchObject(REUSED);
      expect(await store.append(channel, [event(2)], once('a'))).toMatchObject([{ id: 2 }]);
      expect(await store.append(channel, [], once('c'))).toEqual([]);
      expect(await store.append(channel, [event(3)], once('c'))).toMatchObject([{ id: 3 }]);
    });

    it('is a new one after the window', async () => {
      const { store, peer } = await open({ idempotencyWindowMs: 200 });
      const channel = newChannel();
      let newest = 0;
      for (const n of upTo(4)) {
        const started = performance.now();
        const [first] = await store.append(channel, [event(n)], once('a'));
        expect(first?.id).toBeGreaterThan(newest);
        // Something else in between: what has expired may be swept.
        await store.append(newChannel(), [event(1)], once('a'));
        const [again] = await peer.append(channel, [event(n)], once('a'));
        if (performance.now() - started < 150) expect(again).toEqual(first);
        newest = again?.id ?? 0;
        expect(await store.read({ channel, after: 0, limit: 1 })).toMatchObject({ lastId: newest });
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    });

    it('resolves with the first headers though retention has dropped the events', async () => {
      const { store, peer } = await open({ retention: { maxEvents: 10 } });
      const channel = newChannel();
      const headers = await store.append(channel, [event(1)], once('a'));
      await store.append(channel, events(50));
      expect(await peer.append(channel, [event(1)], once('a'))).toEqual(headers);
      expect(await store.read({ channel, after: 0, limit: 1 })).toMatchObject({ lastId: 51 });
    });

    it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
      'needs a window, not %d',
      async (windowMs) => {
        await expect(open({ idempotencyWindowMs: windowMs })).rejects.toThrow(
          `Invalid idempotencyWindowMs: expected an integer from 1, got ${windowMs}`,
        );
      },
    );
  });
}
