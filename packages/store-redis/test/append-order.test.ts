import { HoldingProxy, RedisServer, until } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { event, openStore } from './support/stores.js';

it('what waits behind an append that failed is not stored before that is sent again', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const store = await openStore({ url: redis.url, commandTimeoutMs: 300 });
  await store.append('ordered', [event(0)]);
  redis.pause();
  // More than one call holds: the second would find Redis back.
  const outcomes = Promise.allSettled(
    Array.from({ length: 500 }, (_, i) => store.append('ordered', [event(i + 1)])),
  );
  const failed = (await outcomes).filter(({ status }) => status === 'rejected');
  redis.resume();
  expect(failed).toHaveLength(500);
  await expect.poll(() => store.ping().then(() => 'back', String)).toBe('back');
  const { events } = await store.read({ channel: 'ordered', after: 0, limit: 1_000 });
  expect(events.map(({ data }) => (data as { n: number }).n)).toEqual(events.map((_, i) => i));
});

it('what waits behind a call that Redis refused fails with it, if it is of its channels', async () => {
  const redis = await RedisServer.start();
  const proxy = await HoldingProxy.start(redis.port);
  onTestFinished(async () => {
    await proxy.stop();
    await redis.stop();
  });
  const store = await openStore({ url: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: 60_000 });
  await store.append('ordered', [event(0)]);
  await redis.admin.config('SET', 'maxmemory', '1');
  proxy.hold();
  // As many as share a call.
  const refused = Array.from({ length: 200 }, (_, i) => store.append('ordered', [event(i + 1)]));
  const other = store.append('other', [event(1)]);
  refused.push(store.append('ordered', [event(201)]));
  const outcomes = Promise.allSettled(refused);
  await until('Redis has refused', async () => (await redis.admin.info('errorstats')).includes('OOM'));
  // Whatever is sent now is stored.
  await redis.admin.config('SET', 'maxmemory', '0');
  proxy.release();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ reason: { message: expect.stringContaining('OOM') } });
  }
  expect(await other).toMatchObject([{ id: 1 }]);
  expect((await store.read({ channel: 'ordered', after: 0, limit: 9 })).lastId).toBe(1);
});
