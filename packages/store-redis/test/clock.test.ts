import { RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { event, openStore } from './support/stores.js';

const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 24 * 60 * MINUTE_MS;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

/** What the clock of Redis tells, milliseconds since the Unix epoch. Nobody sets it: the tests write what one that was set has left. */
async function now(): Promise<number> {
  const [seconds, microseconds] = await redis.admin.time();
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}

it('gives right timestamps again ten minutes after the clock of Redis is', async () => {
  const store = await openStore({ url: redis.url });
  const append = async () => (await store.append('set-back', [event(1)]))[0]?.timestamp ?? 0;
  const channel = 'events:{set-back}';
  await append();
  const ahead = (await now()) + YEAR_MS;
  await redis.admin.hset(channel, 'time', ahead);
  const setBackAt = await now();
  expect(await append()).toBe(ahead);
  const behind = Number(await redis.admin.hget(channel, 'behind'));
  expect(behind).toBeGreaterThanOrEqual(setBackAt);
  expect(await append()).toBe(ahead);
  expect(Number(await redis.admin.hget(channel, 'behind'))).toBe(behind);

  await redis.admin.hset(channel, 'behind', (await now()) - 10 * MINUTE_MS + 5_000);
  expect(await append()).toBe(ahead);
  await redis.admin.hset(channel, 'behind', (await now()) - 10 * MINUTE_MS);
  const from = await now();
  const right = await append();
  expect(right).toBeGreaterThanOrEqual(from);
  expect(right).toBeLessThanOrEqual(await now());
  expect(await redis.admin.hexists(channel, 'behind')).toBe(0);
});

it('counts the ten minutes anew if the clock of Redis is set back again', async () => {
  const store = await openStore({ url: redis.url });
  const append = async () => (await store.append('again', [event(1)]))[0]?.timestamp ?? 0;
  await append();
  const ahead = (await now()) + YEAR_MS;
  // Since a time that has not come yet.
  await redis.admin.hset('events:{again}', 'time', ahead, 'behind', (await now()) + MINUTE_MS);
  expect(await append()).toBe(ahead);
  expect(Number(await redis.admin.hget('events:{again}', 'behind'))).toBeLessThanOrEqual(await now());
});

it('ends the windows of keys that were used while the clock of Redis was ahead', async () => {
  const store = await openStore({ url: redis.url, idempotencyWindowMs: MINUTE_MS });
  const idempotency = { clientId: 'web', key: 'a' };
  const headers = await store.append('window', [event(1)], { idempotency });
  const [record = ''] = await redis.admin.keys('events:{window}:once:*');
  await redis.admin.pexpire(record, YEAR_MS);
  expect(await store.append('window', [event(1)], { idempotency })).toEqual(headers);
  expect(await redis.admin.pttl(record)).toBeLessThanOrEqual(MINUTE_MS);
});

it('does not leave the sweep to a server that took it while the clock of Redis was ahead', async () => {
  await redis.admin.set('events:sweep', 'another server', 'PX', YEAR_MS);
  const store = await openStore({ url: redis.url, retention: { maxAgeMs: 300 } });
  await store.append('swept', [event(1)]);
  await until('it is swept', async () => {
    const { firstId, lastId } = await store.read({ channel: 'swept', after: 0, limit: 1 });
    return lastId === 1 && firstId === 0;
  });
});
