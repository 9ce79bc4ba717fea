import { readdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { RedisCluster, RedisSentinels, RedisServer, until } from '@ganomede/events-testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Keys } from '../src/keys.js';
import { commandsOf } from '../src/permissions.js';
import { event, failure, ids, openStore } from './support/stores.js';

/** Why a store cannot be opened there. */
async function problemAt(url: string): Promise<string> {
  const { error } = await failure(openStore({ url, connectTimeoutMs: 1_000 }));
  expect(error).toMatchObject({ code: 'ServiceUnavailable' });
  return (error as Error).message;
}

async function startRedis(...options: string[]): Promise<RedisServer> {
  const redis = await RedisServer.start(...options);
  onTestFinished(() => redis.stop());
  return redis;
}

/** Listens until the test ends; its port. */
async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => void sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

describe('what is no Redis is named', () => {
  it('a web server', async () => {
    const port = await listening(createHttpServer());
    expect(await problemAt(`redis://127.0.0.1:${port}`)).toBe(
      `Cannot use Redis at 127.0.0.1:${port}: expected a Redis, found a web server`,
    );
  });

  it.each([
    ['SSH-2.0-OpenSSH_9.2\r\n', 'an SSH server'],
    ['220 mail.example.org ESMTP\r\n', 'a server that answers "220 mail.example.org ESMTP\\r\\n"'],
    ['\x15\x03\x03\x00\x02\x02\x46', 'a server that speaks TLS: rediss:// instead of redis://'],
    ['', 'a server that does not answer'],
  ])('a server that says %j', async (greeting, name) => {
    const port = await listening(
      createServer((socket) => void socket.write(Buffer.from(greeting, 'latin1'))),
    );
    expect(await problemAt(`redis://127.0.0.1:${port}`)).toContain(`expected a Redis, found ${name}`);
  });

  it('a server that hangs up', async () => {
    const port = await listening(createServer((socket) => void socket.end()));
    expect(await problemAt(`redis://127.0.0.1:${port}`)).toContain('found a server that hangs up');
  });

  it('a Redis without TLS', async () => {
    const { port } = await startRedis();
    expect(await problemAt(`rediss://127.0.0.1:${port}`)).toContain(
      'found one that does not speak TLS: redis:// instead of rediss://',
    );
  });
});

describe('a Redis that a store cannot be on is named', () => {
  it('a Sentinel, and a Redis that was taken for one', async () => {
    const group = await RedisSentinels.start();
    onTestFinished(() => group.stop());
    expect(await problemAt(`redis://${group.addresses[0]}`)).toMatch(
      /expected a Redis, found a Sentinel: redis\+sentinel:/,
    );
    const [{ port }] = group.servers as [RedisServer];
    expect(await problemAt(`redis+sentinel://127.0.0.1:${port}/${group.name}`)).toContain(
      `expected a Sentinel at 127.0.0.1:${port}, found a Redis`,
    );
    expect(await problemAt(`redis+sentinel://${group.addresses.join(',')}/another`)).toContain(
      'no Sentinel knows a master of that name',
    );
  });

  it('a replica', async () => {
    const master = await startRedis('--repl-diskless-sync-delay', '0');
    const replica = await master.startReplica();
    onTestFinished(() => replica.stop());
    expect(await problemAt(replica.url)).toContain(
      `expected a Redis that takes writes, found a read-only replica of 127.0.0.1:${master.port}`,
    );
  });

  it('one server of a cluster, and a single one that was taken for a cluster', async () => {
    const cluster = await RedisCluster.start();
    onTestFinished(() => cluster.stop());
    expect(await problemAt(`redis://${cluster.nodes[0]}`)).toContain(
      'found one of 3 masters of a Redis Cluster',
    );
    const { port } = await startRedis();
    const { error } = await failure(openStore({ cluster: [`127.0.0.1:${port}`] }));
    expect((error as Error).message).toContain('expected a Redis Cluster, found a single Redis');
  });
});

describe('a user of Redis', () => {
  it('that is too narrow is told what it lacks', async () => {
    const redis = await startRedis();
    const as = (...rules: string[]) =>
      redis.admin.call('ACL', 'SETUSER', 'narrow', 'reset', 'on', '>pw', ...rules);
    const problem = () => problemAt(`redis://narrow:pw@127.0.0.1:${redis.port}`);

    await as('~events:*', '&events:*', '+@all', '-rpush', '-ltrim');
    expect(await problem()).toContain(
      'got one that may not ltrim events:{any}:events, rpush events:{any}:events',
    );
    await as('~events:*', '+@all');
    expect(await problem()).toMatch(/may not spublish events:\{any\}:new, ssubscribe events:\{any\}:new/);
    await as('~other:*', '&events:*', '+@all');
    expect(await problem()).toMatch(/may not .*, and \d+ more$/);
    await as('~events:*', '&events:*', '+@all', '-eval');
    expect(await problem()).toMatch(/may not eval$/);
  });

  it('needs no more than the README says', async () => {
    const redis = await startRedis();
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const [, rules] = /^ACL SETUSER events (.*)$/m.exec(readme) ?? [];
    await redis.admin.call('ACL', 'SETUSER', 'events', ...(rules ?? '').split(' '));
    const store = await openStore({
      url: `redis://events:password@127.0.0.1:${redis.port}`,
      retention: { maxEvents: 2 },
    });
    const poll = store.poll({ channel: 'acl:add', after: 0, limit: 1 }, { timeoutMs: 15_000 });
    await until('the poll waits', () => store.waiting === 1);
    await store.append('acl', [event(1)], { idempotency: { clientId: 'c', key: 'k' } });
    expect(ids(await poll)).toEqual([1]);
    await store.saveCursor('c', 'acl', 1);
    await store.createIndex({ id: 'by-n', channel: 'acl', field: 'data.n' });
    expect((await store.readIndex({ id: 'by-n', value: '1', limit: 1 })).rows.count).toBe(1);
    await store.ping();
    const log = (await redis.admin.call('ACL', 'LOG')) as unknown[][];
    const refused = log.map((entry) => entry[entry.indexOf('object') + 1]);
    expect(refused.filter((command) => command !== 'config|get')).toEqual([]);
  });

  it('is checked for every command of every script', () => {
    const folder = new URL('../src/scripts/', import.meta.url);
    const checked = new Set(commandsOf(new Keys('events:')).map(([name]) => name));
    for (const name of readdirSync(folder).filter((each) => each.endsWith('.lua'))) {
      const text = readFileSync(new URL(name, folder), 'utf8');
      for (const [, command = ''] of text.matchAll(/(?:redis\.p?call\(|call_with\(\w+, )'(\w+)'/g)) {
        expect(checked, name).toContain(command.toLowerCase());
      }
    }
  });
});

it('a Redis that no longer takes writes cannot be reached', async () => {
  const redis = await startRedis();
  const other = await startRedis();
  const store = await openStore({ url: redis.url });
  await store.ping();
  await redis.admin.replicaof('127.0.0.1', other.port);
  const { error } = await failure(store.ping());
  expect(error).toMatchObject({
    code: 'ServiceUnavailable',
    message: expect.stringMatching(/^Cannot write on Redis at .*READONLY/),
  });
  await redis.admin.replicaof('NO', 'ONE');
  await until('it takes writes again', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );
  await redis.admin.config('SET', 'min-replicas-to-write', '1');
  expect((await failure(store.ping())).error).toMatchObject({
    message: expect.stringMatching(/NOREPLICAS/),
  });
});
