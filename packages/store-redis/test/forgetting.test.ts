import { RedisServer, until } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { openStore } from './support/stores.js';

const SECRET = 'alice@example.com';

const about = (name: string) => ({ from: 'test', type: 'add', data: { name } });

async function startRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return redis;
}

/** Every key and all that it holds. */
async function everything({ admin }: RedisServer): Promise<string[]> {
  const found: string[] = [];
  for (const key of await admin.keys('*')) {
    const type = await admin.type(key);
    const value =
      type === 'hash'
        ? await admin.hgetall(key)
        : type === 'list'
          ? await admin.lrange(key, 0, -1)
          : type === 'set'
            ? await admin.smembers(key)
            : type === 'zset'
              ? await admin.zrange(key, '0', '-1')
              : await admin.get(key);
    found.push(`${key} ${JSON.stringify(value)}`);
  }
  return found;
}

it('leaves nothing that was redacted, trimmed or deleted under any key', async () => {
  const redis = await startRedis();
  const store = await openStore({ url: redis.url });
  const channels = ['redacted', 'trimmed', 'deleted'];
  for (const channel of channels) {
    await store.createIndex({ id: channel, channel, field: 'data.name' });
    await store.append(channel, [about(SECRET), about('bob'), about(SECRET)], {
      idempotency: { clientId: 'c', key: 'k' },
    });
    await store.readIndex({ id: channel, value: SECRET, limit: 9 });
    await store.saveCursor('c', `${channel}:add`, 1);
  }
  await store.redact('redacted', [1, 3]);
  await store.trim('trimmed', { id: 4 });
  await store.deleteChannel('deleted');
  const left = await everything(redis);
  expect(left.filter((text) => text.includes('alice'))).toEqual([]);
  const ofDeleted = left.map((text) => text.split(' ')[0]).filter((key) => key?.includes('{deleted}'));
  // That an append is known again is forgotten after its window.
  expect(ofDeleted.map((key) => key?.replace(/once:.*/, 'once')).sort()).toEqual([
    'events:{deleted}',
    'events:{deleted}:index:data.name',
    'events:{deleted}:once',
  ]);
});

it('keeps a channel on the list that could not be deleted', async () => {
  const redis = await startRedis();
  const store = await openStore({ url: redis.url });
  const names = async () => (await store.channels({ limit: 9 })).map(({ channel }) => channel);
  await store.append('a', [about('bob')]);
  await expect.poll(names).toEqual(['a']);
  // The script fails at what is no channel.
  await redis.admin.rename('events:{a}', 'kept');
  await redis.admin.set('events:{a}', 'something else');
  await expect(store.deleteChannel('a')).rejects.toThrow();
  await redis.admin.rename('kept', 'events:{a}');
  await expect.poll(names).toEqual(['a']);
  await store.deleteChannel('a');
  expect(await names()).toEqual([]);
});

it('finds out about a redaction whose notification never came', async () => {
  const redis = await startRedis();
  const store = await openStore({ url: redis.url, checkNotificationsMs: 50 });
  const poll = store.poll({ channel: 'a', after: 0, limit: 9 }, { timeoutMs: 60_000 });
  await until('it waits', () => store.waiting === 1);
  await store.append('a', [about(SECRET)]);
  await poll;
  const isInMemory = async () => {
    const page = await store.poll({ channel: 'a', after: 0, limit: 9 }, { timeoutMs: 60_000 });
    return page.json.includes('alice');
  };
  expect(await isInMemory()).toBe(true);
  // As the script does it, without a word.
  const [event] = (await store.latest({ channel: 'a', limit: 1 })).events;
  const left = { ...event, data: undefined, redacted: true };
  await redis.admin
    .multi()
    .lset('events:{a}:events', 0, JSON.stringify(left))
    .hincrby('events:{a}', 'redactions', 1)
    .exec();
  // Nobody waits meanwhile.
  await expect.poll(isInMemory).toBe(false);
});

it('forgets in a Redis that has no memory left', async () => {
  const redis = await startRedis();
  const store = await openStore({ url: redis.url });
  const channels = ['redacted', 'trimmed', 'deleted'];
  for (const channel of channels) {
    await store.createIndex({ id: channel, channel, field: 'data.name' });
    await store.append(channel, [about(SECRET), about('bob'), about(SECRET)]);
    await store.readIndex({ id: channel, value: SECRET, limit: 9 });
  }
  await redis.admin.config('SET', 'maxmemory', '1');
  await expect(store.append('redacted', [about('carol')])).rejects.toMatchObject({
    code: 'ServiceUnavailable',
  });
  expect(await store.redact('redacted', [1, 3])).toEqual([
    { id: 1, isRedacted: true },
    { id: 3, isRedacted: true },
  ]);
  expect(await store.trim('trimmed', { id: 3 })).toEqual({ firstId: 3, lastId: 3 });
  await store.deleteChannel('deleted');
  const left = await everything(redis);
  expect(left.filter((text) => text.includes('alice') && !text.includes('{trimmed}'))).toEqual([]);
});
