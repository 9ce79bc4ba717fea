import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { RedisServer, until } from '@ganomede/events-testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { event, failure, ids, openStore } from './support/stores.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

describe('keys', () => {
  it('are as the README says', async () => {
    await redis.admin.flushall();
    const store = await openStore({ url: redis.url });
    await store.append('users/v1', [event(1, 'add'), event(2, 'remove'), event(3, 'add')]);
    await store.saveCursor('mailer', 'users/v1', 3);
    await store.saveCursor('mailer', 'users/v1:add', 1);
    const { admin } = redis;
    expect((await admin.keys('*')).sort()).toEqual([
      'events:channel-list',
      'events:layout',
      'events:{users/v1}',
      'events:{users/v1}:consumer-types',
      'events:{users/v1}:cursors',
      'events:{users/v1}:cursors:add',
      'events:{users/v1}:events',
      'events:{users/v1}:type:add',
      'events:{users/v1}:type:remove',
      'events:{users/v1}:types',
    ]);
    const [newest] = (await store.read({ channel: 'users/v1', after: 2, limit: 1 })).events;
    expect(await admin.hgetall('events:{users/v1}')).toEqual({
      first: '1',
      last: '3',
      time: String(newest?.timestamp),
      epoch: expect.stringMatching(/^1-\d{13}-[0-9a-f]{10}-0-0$/),
    });
    expect(JSON.parse((await admin.lindex('events:{users/v1}:events', 2)) ?? '')).toEqual(newest);
    expect(await admin.lrange('events:{users/v1}:type:add', 0, -1)).toEqual(['1', '3']);
    expect((await admin.smembers('events:{users/v1}:types')).sort()).toEqual(['add', 'remove']);
    expect(await admin.hgetall('events:{users/v1}:cursors')).toEqual({
      mailer: expect.stringMatching(/^3 \d{13}$/),
    });
    expect(await admin.hgetall('events:{users/v1}:cursors:add')).toEqual({
      mailer: expect.stringMatching(/^1 \d{13}$/),
    });
    expect((await admin.smembers('events:{users/v1}:consumer-types')).sort()).toEqual(['', 'add']);
    expect(await admin.get('events:layout')).toBe('2');
    expect(await admin.zrange('events:channel-list', '0', '-1')).toEqual(['users/v1']);
  });

  it('keep stores with different prefixes apart', async () => {
    const [one, two] = [
      await openStore({ url: redis.url }),
      await openStore({ url: redis.url, keyPrefix: 'other/' }),
    ];
    const poll = one.poll({ channel: 'prefix', after: 0, limit: 1 }, { timeoutMs: 15_000 });
    await until('the poll waits', () => one.waiting === 1);
    await two.append('prefix', [event(2)]);
    await one.append('prefix', [event(1)]);
    expect((await poll).events).toMatchObject([{ id: 1, data: { n: 1 } }]);
  });

  it('keep channels apart whose names hold braces', async () => {
    const store = await openStore({ url: redis.url, typedChannels: false });
    const names = ['a', '{a}', '{a', 'a}', '}', '{}', '%7D', '%', '}a', 'a}:events'];
    for (const name of names) expect(await store.append(name, [event(1)])).toMatchObject([{ id: 1 }]);
  });

  it.each([{ minReplicas: -1 }, { minReplicas: 0.5 }, { minReplicas: 1, replicaTimeoutMs: 0 }])(
    'take no %j',
    async (option) => {
      const { error } = await failure(openStore({ url: redis.url, ...option }));
      expect(error).toBeInstanceOf(RangeError);
    },
  );

  it('take no prefix with a brace', async () => {
    const { error } = await failure(openStore({ url: redis.url, keyPrefix: 'a{b}' }));
    expect(error).toBeInstanceOf(RangeError);
  });
});

describe('the database of an address', () => {
  it('is used', async () => {
    const store = await openStore({ url: `${redis.url}/1` });
    await store.append('database', [event(1)]);
    const admin = redis.admin.duplicate({ db: 1 });
    expect(await admin.exists('events:{database}')).toBe(1);
    expect(await redis.admin.exists('events:{database}')).toBe(0);
    admin.disconnect();
  });

  it('is no other one, if there is none of its number', async () => {
    const { error } = await failure(openStore({ url: `${redis.url}/99` }));
    expect(error).toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining('Cannot use database 99 on Redis at 127.0.0.1'),
    });
  });

  it('is a number', async () => {
    const { error } = await failure(openStore({ url: `${redis.url}/events` }));
    expect(error).toBeInstanceOf(RangeError);
  });
});

describe('a client of the caller', () => {
  it('is left as it is, whatever its options', async () => {
    const client = new Redis(redis.url, { keyPrefix: 'mine:', stringNumbers: true, replyMapping: 'resp3' });
    const other = await openStore({ url: redis.url });
    const store = await openStore({ client });
    const poll = store.poll({ channel: 'given:add', after: 0, limit: 1 }, { timeoutMs: 15_000 });
    await until('the poll waits', () => store.waiting === 1);
    await other.append('given', [event(1)]);
    expect(ids(await poll)).toEqual([1]);
    await store.append('given', [event(2)]);
    expect(ids(await other.read({ channel: 'given', after: 0, limit: 9 }))).toEqual([1, 2]);
    await store.close();
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });
});

describe('warnings', () => {
  const warningsOf = async (...options: string[]) => {
    const server = await RedisServer.start(...options);
    const warnings: string[] = [];
    const store = await openStore({ url: server.url, onWarning: (message) => warnings.push(message) });
    await store.close();
    await server.stop();
    return warnings;
  };

  it('say that nothing is persisted, and that events may be evicted', async () => {
    expect(await warningsOf('--maxmemory-policy', 'allkeys-lru')).toEqual([
      expect.stringContaining('persists nothing'),
      expect.stringContaining('maxmemory-policy allkeys-lru'),
    ]);
  });

  it('are none where events are safe', async () => {
    expect(await warningsOf('--appendonly', 'yes')).toEqual([]);
    expect(await warningsOf('--save', '60 1', '--maxmemory-policy', 'volatile-lru')).toEqual([]);
  });

  it('say that a rewind is not noticed if Redis does not tell its replication id', async () => {
    const server = await RedisServer.start('--appendonly', 'yes');
    const proxy = createServer((client) => {
      const upstream = connect(server.port, '127.0.0.1');
      client.pipe(upstream);
      // As long as it was: a reply tells its length.
      upstream.on('data', (data) =>
        client.write(
          Buffer.from(data.toString('latin1').replaceAll('master_replid:', 'x'.repeat(14)), 'latin1'),
        ),
      );
      for (const socket of [client, upstream]) socket.on('error', () => {});
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const { port } = proxy.address() as AddressInfo;
    const warnings: string[] = [];
    const store = await openStore({
      url: `redis://127.0.0.1:${port}`,
      onWarning: (message) => warnings.push(message),
    });
    await store.close();
    proxy.close();
    await server.stop();
    expect(warnings).toEqual([expect.stringContaining('does not tell its replication id')]);
  });

  it('are none where CONFIG is forbidden', async () => {
    expect(await warningsOf('--rename-command', 'CONFIG', '')).toEqual([]);
  });
});

it('reports a password that Redis does not take at once', async () => {
  const server = await RedisServer.start();
  await server.admin.config('SET', 'requirepass', 'right-password');
  const { error, ms } = await failure(openStore({ url: `redis://:wrong-password@127.0.0.1:${server.port}` }));
  expect(error).toMatchObject({
    code: 'ServiceUnavailable',
    message: expect.stringMatching(/WRONGPASS|invalid/i),
  });
  expect((error as Error).message).not.toContain('wrong-password');
  expect(ms).toBeLessThan(2_000);
  const store = await openStore({ url: `redis://:right-password@127.0.0.1:${server.port}` });
  const poll = store.poll({ channel: 'secret', after: 0, limit: 1 }, { timeoutMs: 15_000 });
  await until('the poll waits', () => store.waiting === 1);
  await store.append('secret', [event(1)]);
  expect(ids(await poll)).toEqual([1]);
  await store.close();
  await server.stop();
});

it.each([
  'localhost:6379',
  'http://localhost',
  'redis://:se cret@',
  'redis://:100%@localhost',
  'redis+sentinel://localhost:1/%zz',
  '',
])('takes no address like %j', async (url) => {
  const { error } = await failure(openStore({ url }));
  expect(error).toBeInstanceOf(RangeError);
  expect((error as Error).message).toMatch(
    /^Invalid (?:Redis address|address of Sentinels): expected redis(?:\+sentinel)?:/,
  );
});
