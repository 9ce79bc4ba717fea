import { createRedisStore } from '@ganomede/events-store-redis';
import { LossyProxy, RedisCluster, RedisServer, until } from '@ganomede/events-testing';
import { Cluster } from 'ioredis';
import { expect, it } from 'vitest';
import { event, failure, ids, openStore } from './support/stores.js';

it.each([
  ['', {}],
  [', waiting for replicas', { minReplicas: 1, replicaTimeoutMs: 15_000 }],
])('an append whose reply is lost is rejected and stored once%s', async (_, options) => {
  const redis = await RedisServer.start('--repl-diskless-sync-delay', '0');
  const replica = await redis.startReplica();
  const proxy = await LossyProxy.start(redis.port);
  try {
    const store = await openStore({ url: `redis://127.0.0.1:${proxy.port}`, ...options });
    const { error } = await failure(
      loseReply(proxy, () => store.append('lost', [{ from: 'MARK', type: 'add' }])),
    );
    expect(error).toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining('may have been done'),
    });
    expect(proxy.lost).toBe(1);
    await until('the store is back', () =>
      store.append('other', [event(1)]).then(
        () => true,
        () => false,
      ),
    );
    expect(await store.append('lost', [event(2)])).toMatchObject([{ id: 2 }]);
    expect(ids(await store.read({ channel: 'lost', after: 0, limit: 10 }))).toEqual([1, 2]);
  } finally {
    await proxy.stop();
    await Promise.all([redis.stop(), replica.stop()]);
  }
});

it('an append to a cluster whose reply is lost is rejected and stored once', async () => {
  const cluster = await RedisCluster.start();
  const proxies = await Promise.all(cluster.servers.map(({ port }) => LossyProxy.start(port)));
  const natMap = Object.fromEntries(
    cluster.nodes.map((node, i) => [node, { host: '127.0.0.1', port: proxies[i]?.port ?? 0 }]),
  );
  const client = new Cluster([{ host: '127.0.0.1', port: proxies[0]?.port ?? 0 }], {
    natMap,
    lazyConnect: true,
  });
  const store = await createRedisStore({ client });
  try {
    await store.append('lost', [event(1)]);
    for (const proxy of proxies) proxy.loseReplyTo('MARK');
    const { error } = await failure(store.append('lost', [{ from: 'MARK', type: 'add' }]));
    expect(error).toMatchObject({ code: 'ServiceUnavailable' });
    expect(proxies.map(({ lost }) => lost).sort()).toEqual([0, 0, 0, 0, 0, 1]);
    await until('the store is back', () =>
      store.read({ channel: 'lost', after: 0, limit: 10 }).then(
        () => true,
        () => false,
      ),
    );
    expect(ids(await store.read({ channel: 'lost', after: 0, limit: 10 }))).toEqual([1, 2]);
    expect(client.status, 'the caller’s own client was not used').toBe('wait');
  } finally {
    await store.close();
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await cluster.stop();
  }
});

function loseReply<T>(proxy: LossyProxy, run: () => Promise<T>): Promise<T> {
  proxy.loseReplyTo('MARK');
  return run();
}
