import { RedisServer } from '@ganomede/events-testing';
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
