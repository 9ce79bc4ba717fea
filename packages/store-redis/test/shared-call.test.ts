import { EventsError } from '@ganomede/events-protocol';
import { RedisServer } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

  it('that wait behind a refused one of their channel fail with it, unsent, and those of others do not', async () => {
    const store = await openStore({ url: redis.url });
    await redis.admin.set('events:{refused}', 'no hash');
    const failing = [store.append('refused', [event(1)])];
    // As many as share a call: those that follow wait for the next one.
    const others = Array.from({ length: 200 }, (_, n) => store.append('open', [event(n + 1)]));
    failing.push(store.append('refused', [event(2)]));
    others.push(store.append('open', [event(201)]));
    const [first, behind] = (await Promise.allSettled(failing)) as PromiseRejectedResult[];
    expect(first?.reason).toMatchObject({ message: expect.stringContaining('WRONGTYPE') });
    expect(behind?.reason).toBe(first?.reason);
    expect((await Promise.all(others)).map(([header]) => header?.id)).toEqual(others.map((_, i) => i + 1));
  });

  it('of which one fails midway leave its channel as it was, and its key unused', async () => {
    const store = await openStore({ url: redis.url });
    const again = { idempotency: { clientId: 'c', key: 'midway' } };
    await store.append('midway', [event(1, 'a')]);
    await redis.admin.set('events:{midway}:type:b', 'no list');
    const mixed = [event(2, 'a'), event(3, 'b'), event(4, 'a')];
    const [failed] = await Promise.allSettled([
      store.append('midway', mixed, again),
      store.append('another', [event(1)]),
    ]);
    expect(failed.status).toBe('rejected');
    const { reason } = failed as PromiseRejectedResult;
    expect(reason.message).toMatch(/3 event\(s\) to channel "midway" .*WRONGTYPE/);
    expect(reason.message).not.toContain('may have been done');
    await redis.admin.del('events:{midway}:type:b');
    expect(await store.append('midway', mixed, again)).toMatchObject([{ id: 2 }, { id: 3 }, { id: 4 }]);
    expect(ids(await store.read({ channel: 'midway', after: 0, limit: 10 }))).toEqual([1, 2, 3, 4]);
    expect(ids(await store.read({ channel: 'midway:a', after: 0, limit: 10 }))).toEqual([1, 2, 4]);
  });

  it('fail alone where their channel has no name', async () => {
    const store = await openStore({ url: redis.url });
    const outcomes = await Promise.allSettled([
      store.append('named', [event(1)]),
      store.append('x'.repeat(300), [event(1)]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
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

it('appends are stored in the order in which they were made, where Redis has lost the script too', async () => {
  const store = await openStore({ url: redis.url });
  for (let round = 0; round < 50; round++) {
    const channel = `order/${round}`;
    await redis.admin.script('FLUSH');
    const appends: Promise<{ id: number }[]>[] = [];
    for (let n = 1; n <= 6; n++) {
      appends.push(store.append(channel, [event(n)]));
      for (let turns = 0; turns < round % 4; turns++) await new Promise((resolve) => setImmediate(resolve));
    }
    const headers = await Promise.all(appends);
    expect(headers.map(([header]) => header?.id)).toEqual([1, 2, 3, 4, 5, 6]);
  }
});

it('channels of a cluster of one server, reached by its address, have calls of their own', async () => {
  const single = await RedisServer.startCluster();
  try {
    const store = await openStore({ url: single.url });
    const channels = ['a', 'b', 'c', 'd'];
    for (const id of [1, 2, 3]) {
      const headers = await Promise.all(channels.map((channel) => store.append(channel, [event(id)])));
      expect(headers).toMatchObject(channels.map(() => [{ id }]));
    }
    await store.close();
  } finally {
    await single.stop();
  }
});
