import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { createRedisStore, type RedisStoreOptions } from '@ganomede/events-store-redis';
import { RedisCluster, RedisServer, SilentProxy, until } from '@ganomede/events-testing';
import { Cluster, Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { event, failure, ids, openStore, succeeds } from './support/stores.js';

/** Nobody looks for lost notifications: what is found is found without that. */
const NEVER_MS = 1_000_000;

/** A Redis, and a way to it that can be cut in silence. */
async function startRedis(): Promise<{ redis: RedisServer; proxy: SilentProxy; url: string }> {
  const redis = await RedisServer.start('--repl-diskless-sync-delay', '0');
  onTestFinished(() => redis.stop());
  const proxy = await SilentProxy.start(redis.port);
  onTestFinished(() => proxy.stop());
  return { redis, proxy, url: `redis://127.0.0.1:${proxy.port}` };
}

/** A store that tells its warnings. */
async function openTelling(options: RedisStoreOptions) {
  const warnings: string[] = [];
  const store = await openStore({ ...options, onWarning: (message) => warnings.push(message) });
  return { store, warns: (what: string) => warnings.some((message) => message.startsWith(what)) };
}

it('is back when the network is, though its connections stay dead, and those who wait with it', async () => {
  const { redis, proxy, url } = await startRedis();
  const { store } = await openTelling({ url, checkNotificationsMs: NEVER_MS, commandTimeoutMs: 500 });
  const direct = await openStore({ url: redis.url });
  await store.append('cut', [event(1)]);
  const poll = store.poll({ channel: 'cut', after: 1, limit: 10 }, { timeoutMs: 60_000 });
  await until('the poll waits', () => store.waiting === 1);

  proxy.cut();
  const { error } = await failure(store.append('cut', [event(2)]));
  expect(error).toMatchObject({ code: 'ServiceUnavailable' });
  const { opened } = proxy;
  await until('new connections are tried in vain', () => proxy.opened >= opened + 3);
  expect(store.waiting).toBe(1);
  await direct.append('cut', [event(3)]);
  proxy.mend();

  await until('an append succeeds', () => succeeds(store.append('other', [event(1)])));
  expect(ids(await poll)).toEqual([2]);
  expect(await store.append('cut', [event(4)])).toMatchObject([{ id: 3 }]);
});

it('replaces a dead connection before anybody needs it', async () => {
  const { proxy, url } = await startRedis();
  const { store, warns } = await openTelling({ url, commandTimeoutMs: 60_000 });
  await store.append('idle', [event(1)]);
  proxy.cut();
  proxy.mend();
  await until('it is noticed', () => warns('Lost'));
  await until('it is replaced', () => warns('Connected'));
  expect(await store.append('idle', [event(2)])).toMatchObject([{ id: 2 }]);
});

/** Passes what comes by TLS on to a server of this machine. Returns its port. */
async function startTls(port: number): Promise<number> {
  const [cert, key] = ['cert', 'key'].map((name) =>
    readFileSync(new URL(`../../client/test/fixtures/localhost-${name}.pem`, import.meta.url)),
  );
  const server = createServer({ cert, key }, (client) => {
    const redis = connect(port, '127.0.0.1');
    client.pipe(redis).pipe(client);
    for (const socket of [client, redis]) socket.on('error', () => {});
    client.on('close', () => redis.destroy());
    redis.on('close', () => client.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

it.each([
  ['TCP', false],
  ['TLS', true],
])('resets a dead connection by %s, so that nothing arrives on it later', async (_, tls) => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const proxy = await SilentProxy.start(tls ? await startTls(redis.port) : redis.port);
  onTestFinished(() => proxy.stop());
  const client = new Redis({
    host: '127.0.0.1',
    port: proxy.port,
    lazyConnect: true,
    ...(tls && { tls: { rejectUnauthorized: false } }),
  });
  const { store, warns } = await openTelling({ client, commandTimeoutMs: 500 });
  await store.append('reset', [event(1)]);
  const { resets } = proxy;
  proxy.cut();
  await failure(store.saveCursor('late', 'reset', 1));
  proxy.mend();
  await until('it is replaced', () => warns('Connected'));
  await until('the old one is reset', () => proxy.resets > resets);
});

it('replaces the dead connection of those who wait', async () => {
  const { redis, proxy, url } = await startRedis();
  const store = await openStore({ url, checkNotificationsMs: NEVER_MS });
  const direct = await openStore({ url: redis.url });
  const poll = store.poll({ channel: 'waited', after: 0, limit: 10 }, { timeoutMs: 60_000 });
  await until('the poll waits', () => store.waiting === 1);
  proxy.cut();
  proxy.mend();
  await direct.append('waited', [event(1)]);
  expect(ids(await poll)).toEqual([1]);
});

it('replaces the dead connection of appends that wait for replicas', async () => {
  const { redis, proxy, url } = await startRedis();
  const replica = await redis.startReplica();
  onTestFinished(() => replica.stop());
  const store = await openStore({ url, minReplicas: 1, replicaTimeoutMs: 500 });
  const appends = () => succeeds(store.append('replicated', [event(1)]));
  await until('an append is acknowledged', appends);
  proxy.cut();
  proxy.mend();
  await until('an append is acknowledged', appends);
});

it('keeps the connections to a Redis that hangs', async () => {
  const { redis, proxy, url } = await startRedis();
  const { store, warns } = await openTelling({ url, commandTimeoutMs: 60_000 });
  await store.append('hung', [event(1)]);
  redis.pause();
  try {
    const append = store.append('hung', [event(2)]);
    const { opened } = proxy;
    await until('another connection was tried twice', () => proxy.opened >= opened + 2);
    redis.resume();
    expect(await append).toMatchObject([{ id: 2 }]);
    expect(warns('Lost')).toBe(false);
  } finally {
    redis.resume();
  }
});

it('is back when the network to a cluster is', async () => {
  const cluster = await RedisCluster.start();
  const proxies = await Promise.all(cluster.servers.map(({ port }) => SilentProxy.start(port)));
  const natMap = Object.fromEntries(
    cluster.nodes.map((node, i) => [node, { host: '127.0.0.1', port: proxies[i]?.port ?? 0 }]),
  );
  const client = new Cluster([{ host: '127.0.0.1', port: proxies[0]?.port ?? 0 }], {
    natMap,
    lazyConnect: true,
  });
  const store = await createRedisStore({ client, checkNotificationsMs: NEVER_MS, commandTimeoutMs: 500 });
  const direct = await openStore({ cluster: cluster.nodes });
  try {
    const channels = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const channel of channels) await store.append(channel, [event(1)]);
    const polls = channels.map((channel) =>
      store.poll({ channel, after: 1, limit: 10 }, { timeoutMs: 60_000 }),
    );
    await until('the polls wait', () => store.waiting === channels.length);
    for (const proxy of proxies) proxy.cut();
    for (const channel of channels) await failure(store.append(channel, [event(2)]));
    await Promise.all(channels.map((channel) => direct.append(channel, [event(3)])));
    for (const proxy of proxies) proxy.mend();
    for (const channel of channels) {
      await until('an append succeeds', () => succeeds(store.append(channel, [event(4)])));
    }
    for (const poll of polls) expect(ids(await poll)[0]).toBe(2);
  } finally {
    await store.close();
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await cluster.stop();
  }
}, 60_000);
