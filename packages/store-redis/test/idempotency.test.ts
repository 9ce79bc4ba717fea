import { LossyProxy, Process, RedisCluster, RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { event, failure, ids, openStore } from './support/stores.js';

const once = (key: string) => ({ idempotency: { clientId: 'web', key } });

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

describe('an idempotency key', () => {
  it('makes it safe to send an append again whose reply was lost', async () => {
    const proxy = await LossyProxy.start(redis.port);
    try {
      const store = await openStore({ url: `redis://127.0.0.1:${proxy.port}` });
      const input = { from: 'MARK', type: 'add' };
      proxy.loseReplyTo('MARK');
      const { error } = await failure(store.append('lost', [input], once('a')));
      expect(error).toMatchObject({ code: 'ServiceUnavailable' });
      expect(proxy.lost).toBe(1);
      await until('the append succeeds', () =>
        store.append('lost', [input], once('a')).then(
          ([header]) => header?.id === 1,
          () => false,
        ),
      );
      expect(await store.append('lost', [event(2)])).toMatchObject([{ id: 2 }]);
      expect(ids(await store.read({ channel: 'lost', after: 0, limit: 10 }))).toEqual([1, 2]);
    } finally {
      await proxy.stop();
    }
  });

  it('makes it safe to send an append again that too few replicas had in time, and waits for them again', async () => {
    const master = await RedisServer.start('--repl-diskless-sync-delay', '0');
    const replica = await master.startReplica();
    try {
      const options = { url: master.url, minReplicas: 1, replicaTimeoutMs: 200 };
      const [store, peer] = [await openStore(options), await openStore(options)];
      replica.pause();
      for (const writer of [store, store, peer]) {
        const { error } = await failure(writer.append('replicated', [event(1)], once('a')));
        expect(error).toMatchObject({ message: expect.stringContaining('got 0') });
      }
      replica.resume();
      await until('the replica has it', async () => (await replica.admin.dbsize()) > 0);
      for (const writer of [store, peer]) {
        expect(await writer.append('replicated', [event(1)], once('a'))).toMatchObject([{ id: 1 }]);
      }
      expect(ids(await peer.read({ channel: 'replicated', after: 0, limit: 9 }))).toEqual([1]);
    } finally {
      await Promise.all([master.stop(), replica.stop()]);
    }
  });

  it('is forgotten by Redis after the window, which a repetition does not lengthen', async () => {
    const store = await openStore({ url: redis.url, idempotencyWindowMs: 60_000 });
    await store.append('window', [event(1)], once('a'));
    const [key = ''] = await redis.admin.keys('events:{window}:once:*');
    expect(await redis.admin.pttl(key)).toBeGreaterThan(50_000);
    await redis.admin.pexpire(key, 20_000);
    await store.append('window', [event(1)], once('a'));
    const left = await redis.admin.pttl(key);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(20_000);
  });

  it('is not used up by an append for which Redis has no memory', async () => {
    const store = await openStore({ url: redis.url });
    await store.append('full', [event(1)]);
    await redis.admin.config('SET', 'maxmemory', '1');
    try {
      const { error } = await failure(store.append('full', [event(2)], once('a')));
      expect(error).toMatchObject({ code: 'ServiceUnavailable' });
      expect(await redis.admin.keys('events:{full}:once:*')).toEqual([]);
    } finally {
      await redis.admin.config('SET', 'maxmemory', '0');
    }
    expect(await store.append('full', [event(2)], once('a'))).toMatchObject([{ id: 2 }]);
  });
});

const ROUNDS = 10;
const KEYS = 50;

let cluster: RedisCluster | undefined;

describe.each([
  ['one Redis', async () => redis.url, async () => {}],
  [
    'a cluster',
    async () => {
      cluster = await RedisCluster.start();
      return cluster.nodes.join(',');
    },
    async () => cluster?.stop(),
  ],
])('two servers on %s', (_name, start, stop) => {
  afterAll(stop);

  it(`that are sent ${KEYS} publishes with the same keys at once store each once, ${ROUNDS} times`, async () => {
    const address = await start();
    const children = [1, 2].map(() =>
      Process.node(new URL('children/retrier.mjs', import.meta.url), [address, String(KEYS)], {
        keepInputOpen: true,
      }),
    );
    try {
      const store = await openStore(
        address.includes(',') ? { cluster: address.split(',') } : { url: address },
      );
      await Promise.all(children.map((child) => child.line(0)));
      for (let round = 1; round <= ROUNDS; round++) {
        const channel = `once/${round}`;
        for (const child of children) child.write(`${channel}\n`);
        const [one, other] = await Promise.all(children.map((child) => child.line(round)));
        expect(one).toBe(other);
        const given = JSON.parse(one ?? '') as number[];
        const { events } = await store.read({ channel, after: 0, limit: 1_000 });
        expect(events).toHaveLength(KEYS);
        expect(given.map((id) => events[id - 1]?.data)).toEqual(given.map((_, n) => ({ n })));
      }
    } finally {
      await Promise.all(children.map((child) => child.stop('SIGKILL')));
    }
  });
});
