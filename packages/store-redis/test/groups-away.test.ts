import type { EventStore } from '@ganomede/events-store';
import { RedisCluster, RedisServer, until } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { GroupWorker } from './support/group-worker.js';
import { Load } from './support/load.js';
import { openStore, succeeds } from './support/stores.js';

const GROUP = { backoffMs: [0], maxDeliveries: 1_000 };

/** Resolves once the group has nothing left to do. */
async function finished(store: EventStore, channel: string): Promise<void> {
  await until('the store is back', () => succeeds(store.ping()));
  await until('everything is acknowledged', async () => {
    const { lastId } = await store.read({ channel, after: 0, limit: 1 });
    const [group] = await store.groups(channel);
    return group?.after === lastId && group.pending === 0;
  });
}

const givenTo = (workers: readonly GroupWorker[]) => new Set(workers.flatMap(({ given }) => given));

it('Redis is killed and comes back with its AOF: each event is handed out, and none that was acknowledged again', async () => {
  const redis = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always');
  onTestFinished(() => redis.stop());
  const channel = 'killed';
  const stores = [await openStore({ url: redis.url }), await openStore({ url: redis.url })];
  const [store] = stores as [EventStore];
  await store.saveGroup(channel, 'workers', GROUP);
  const again: number[] = [];
  const workers: GroupWorker[] = [];
  const onGiven = (id: number) => {
    if (workers.some(({ acknowledged }) => acknowledged.has(id))) again.push(id);
  };
  for (const each of [...stores, ...stores]) workers.push(new GroupWorker(each, channel, onGiven));
  const load = new Load(store, channel, 4);
  for (let round = 1; round <= 3; round++) {
    const before = givenTo(workers).size;
    await until('events are handed out', () => givenTo(workers).size > before + 50);
    await redis.kill();
    const failures = load.errors.length;
    await until('appends fail', () => load.errors.length > failures + 4);
    await redis.restart();
  }
  await load.stop();
  await finished(store, channel);
  await Promise.all(workers.map((worker) => worker.stop()));
  expect(again).toEqual([]);
  const given = givenTo(workers);
  expect([...load.acknowledged.keys()].filter((id) => !given.has(id))).toEqual([]);
  for (const { code } of workers.flatMap(({ errors }) => errors)) expect(code).toBe('ServiceUnavailable');
}, 60_000);

it('a master of a cluster is killed, and its replica promoted: each event is handed out', async () => {
  const cluster = await RedisCluster.start();
  onTestFinished(() => cluster.stop());
  const channel = 'failover';
  const store = await openStore({ cluster: cluster.nodes, minReplicas: 1, replicaTimeoutMs: 2_000 });
  const peer = await openStore({ cluster: cluster.nodes });
  await store.saveGroup(channel, 'workers', GROUP);
  const victim = await cluster.masterOf(`{${channel}}`);
  const replica = await cluster.replicaOf(victim);
  const load = new Load(store, channel, 2);
  const workers = [store, peer, peer].map((each) => new GroupWorker(each, channel));
  await until('events are handed out', () => givenTo(workers).size > 50);
  await victim.kill();
  await until('appends fail', () => load.errors.length > 0);
  await until('the replica is the master', async () =>
    (await replica.admin.info('replication')).includes('role:master'),
  );
  // As the replica that appends wait for.
  await victim.restart();
  const before = load.acknowledged.size;
  await until('appends go on', () => load.acknowledged.size > before + 50);
  await load.stop();
  await finished(peer, channel);
  await Promise.all(workers.map((worker) => worker.stop()));
  const given = givenTo(workers);
  expect([...load.acknowledged.keys()].filter((id) => !given.has(id))).toEqual([]);
}, 60_000);

it('Redis is emptied under those who wait: they are told, and are given what comes after', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const channel = 'emptied';
  const store = await openStore({ url: redis.url });
  const peer = await openStore({ url: redis.url });
  const event = { from: 'test', type: 'add' };
  const receive = (timeoutMs: number) =>
    store.receive(channel, 'workers', { clientId: 'worker', limit: 9, timeoutMs });
  await store.append(channel, [event, event, event]);
  const { events } = await receive(0);
  await store.settle(
    channel,
    'workers',
    events.map(({ id, delivery: { token } }) => ({ kind: 'acknowledge', id, token })),
  );
  const waiting = receive(60_000);
  await until('it waits', () => store.waiting === 1);
  await redis.admin.flushall();
  await peer.append(channel, [event]);
  await expect(waiting).rejects.toMatchObject({ code: 'ResourceNotFound' });
  expect((await receive(0)).events.map(({ id }) => id)).toEqual([1]);
});
