import { Epochs } from '@ganomede/events-store';
import { RedisServer } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { event, openStore } from './support/stores.js';

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
