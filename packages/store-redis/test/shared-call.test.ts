import { EventsError } from '@ganomede/events-protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from './support/redis-server.js';
import { event, events, ids, openStore } from './support/stores.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

describe('appends of one turn', () => {
  it('to many channels are one call, each with ids of its channel', async () => {
    const store = await openStore({ url: redis.url });
    await store.append('warm', [event(1)]);
    await redis.admin.config('RESETSTAT');
    const headers = await Promise.all([
      store.append('a', events(2)),
      store.append('b', [event(1, 'x'), event(2, 'y'), event(3, 'x')]),
      store.append('a', events(1)),
      store.append('b', [event(4, 'y')]),
    ]);
    expect((await redis.commandCounts()).get('evalsha')).toBe(1);
    expect(headers.map((some) => some.map(({ id }) => id))).toEqual([[1, 2], [1, 2, 3], [3], [4]]);
    expect(ids(await store.read({ channel: 'a', after: 0, limit: 10 }))).toEqual([1, 2, 3]);
    expect(ids(await store.read({ channel: 'b:x', after: 0, limit: 10 }))).toEqual([1, 3]);
    expect(ids(await store.read({ channel: 'b:y', after: 0, limit: 10 }))).toEqual([2, 4]);
  });

  it('are stored in the others where Redis refuses one channel', async () => {
    const store = await openStore({ url: redis.url });
    await redis.admin.set('events:{foreign}', 'no hash');
    const outcomes = await Promise.allSettled([
      store.append('before', [event(1)]),
      store.append('foreign', [event(1)]),
      store.append('foreign', [event(2)]),
      store.append('after', events(3)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    for (const outcome of outcomes.slice(1, 3)) {
      const { reason } = outcome as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(EventsError);
      expect(reason).toMatchObject({
        code: 'ServiceUnavailable',
        message: expect.stringContaining('WRONGTYPE'),
      });
    }
    expect(ids(await store.read({ channel: 'before', after: 0, limit: 10 }))).toEqual([1]);
    expect(ids(await store.read({ channel: 'after', after: 0, limit: 10 }))).toEqual([1, 2, 3]);
  });

  it('with the same idempotency key are stored once', async () => {
    const store = await openStore({ url: redis.url });
    const idempotency = { clientId: 'c', key: 'k' };
    const [first, second, other] = await Promise.all([
      store.append('once', events(2), { idempotency }),
      store.append('once', events(2), { idempotency }),
      store.append('once', [event(3)]),
    ]);
    expect(second).toEqual(first);
    expect(other.map(({ id }) => id)).toEqual([3]);
    expect(ids(await store.read({ channel: 'once', after: 0, limit: 10 }))).toEqual([1, 2, 3]);
  });
});
