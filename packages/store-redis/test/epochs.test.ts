import { Epochs } from '@ganomede/events-store';
import { HoldingProxy, RedisServer, until } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { event, events, ids, openStore } from './support/stores.js';

it('the append script notes epochs as the store does', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const store = await openStore({ url: redis.url, retention: { maxEvents: 1_000 } });
  const key = 'events:{noted}';
  let expected = Epochs.NONE;
  let lastId = 0;
  for (let n = 1; n <= 120; n++) {
    const firstId = Number((await redis.admin.hget(key, 'first')) ?? 1);
    const count = n % 7 === 0 ? 30 : 1 + (n % 3);
    await store.append(
      'noted',
      Array.from({ length: count }, () => event(n)),
    );
    const [current, earlier] = await redis.admin.hmget(key, 'epoch', 'epochs');
    const [, startedAt, term = ''] = current?.split('-') ?? [];
    expected = expected.begin({ term, firstId, lastId, now: Number(startedAt) });
    expect([current, earlier ?? '']).toEqual([expected.current, expected.earlier]);
    lastId += count;
    // As if a replica were promoted.
    await redis.admin.replicaof('127.0.0.1', '1');
    await redis.admin.replicaof('NO', 'ONE');
  }
  expect(expected.earlier.split(' ')).toHaveLength(99);
}, 60_000);

it('a page that takes several reads ends where another epoch has begun under it', async () => {
  const redis = await RedisServer.start();
  const proxy = await HoldingProxy.start(redis.port);
  onTestFinished(async () => {
    await proxy.stop();
    await redis.stop();
  });
  const store = await openStore({ url: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: 60_000 });
  await store.append('paged', events(150));
  const { epoch } = await store.read({ channel: 'paged', after: 149, limit: 1 });
  const reader = await openStore({ url: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: 60_000 });
  await redis.admin.config('RESETSTAT');
  proxy.hold();
  const reading = reader.read({ channel: 'paged', after: 0, limit: 1_000 });
  await until('the first part is read', async () => (await redis.commandCounts()).get('lrange') === 1);
  // As if a replica were promoted.
  await redis.admin.replicaof('127.0.0.1', '1');
  await redis.admin.replicaof('NO', 'ONE');
  const other = await openStore({ url: redis.url });
  await other.append('paged', [event(151)]);
  proxy.release();
  const page = await reading;
  expect(ids(page)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect(page).toMatchObject({ lastId: 150, epoch });
  expect((await reader.read({ channel: 'paged', after: 150, limit: 1 })).epoch).not.toBe(epoch);
});
