import { RedisCluster, type RedisServer, until } from '@ganomede/events-testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { expectNothingLost, Follower, Load } from './support/load.js';
import { event, events, failure, ids, openStore, succeeds } from './support/stores.js';

let cluster: RedisCluster;
beforeEach(async () => {
  cluster = await RedisCluster.start();
});
afterEach(() => cluster?.stop());

const promoted = (replica: RedisServer) =>
  until('the replica is the master', async () => {
    const info = await replica.admin.info('replication');
    return info.includes('role:master');
  });

it('loses nothing that a replica has acknowledged when a master is killed under load, and goes on', async () => {
  const store = await openStore({ cluster: cluster.nodes, minReplicas: 1, replicaTimeoutMs: 2_000 });
  const peer = await openStore({ cluster: cluster.nodes });
  const channels = Array.from({ length: 12 }, (_, n) => `failover/${n}`);
  const victim = await cluster.masterOf(`{${channels[0]}}`);
  const replica = await cluster.replicaOf(victim);
  const loads = channels.map((channel) => new Load(store, channel, 2));
  const followers = channels.map((channel, n) => new Follower(peer, channel, n + 1));
  const acknowledged = () => loads.map((load) => load.acknowledged.size);
  await until('events are acknowledged', () => acknowledged().every((count) => count > 20));
  await victim.kill();
  await until('appends to its channels fail', () => (loads[0]?.errors.length ?? 0) > 0);
  await promoted(replica);
  // As the replica that appends wait for.
  await victim.restart();
  const before = acknowledged();
  await until('every channel goes on', () =>
    acknowledged().every((count, i) => count > (before[i] ?? 0) + 20),
  );
  await expectNothingLost(peer, channels, loads, followers);
}, 60_000);

it('strands nobody when a replica that lags is promoted', async () => {
  const store = await openStore({ cluster: cluster.nodes });
  const peer = await openStore({ cluster: cluster.nodes });
  const channel = 'lagging';
  const master = await cluster.masterOf(`{${channel}}`);
  const replica = await cluster.replicaOf(master);
  await store.append(channel, events(3));
  await replica.admin.readonly();
  await until(
    'the replica has them',
    async () => (await replica.admin.hget('events:{lagging}', 'last')) === '3',
  );
  // It gets nothing more: its connection is gone, and it cannot connect again.
  replica.pause();
  await master.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
  await store.append(channel, events(4));
  const polls = [store, peer].map((each) =>
    each.poll({ channel, after: 7, limit: 10 }, { timeoutMs: 30_000 }),
  );
  await until('the polls wait', () => store.waiting === 1 && peer.waiting === 1);
  await master.kill();
  replica.resume();
  await promoted(replica);
  await until(
    'both have looked at it',
    async () => ((await replica.commandCounts()).get('lrange') ?? 0) >= 2,
  );
  await until('an append succeeds', () => succeeds(store.append(channel, [event(9)])));
  for (const batch of await Promise.all(polls)) {
    expect(batch).toMatchObject({ lastId: 4, events: [{ id: 4, data: { n: 9 } }] });
  }
}, 60_000);

it('loses nothing when a channel moves to another master under load', async () => {
  const store = await openStore({ cluster: cluster.nodes });
  const peer = await openStore({ cluster: cluster.nodes, checkNotificationsMs: 1_000_000 });
  const channel = 'moving';
  const from = await cluster.masterOf(`{${channel}}`);
  const to = await cluster.otherMaster(from);
  const load = new Load(store, channel, 4);
  const follower = new Follower(peer, channel, 5);
  await until('events are acknowledged', () => load.acknowledged.size > 50);
  await cluster.moveSlot(`{${channel}}`, from, to);
  const before = load.acknowledged.size;
  await until('it goes on', () => load.acknowledged.size > before + 50);
  await load.stop();
  expect(await to.admin.exists(`events:{${channel}}`)).toBe(1);

  const { events: stored, lastId } = await store.read({ channel, after: 0, limit: 1_000_000 });
  await until('the follower has everything', () => follower.lastId === lastId);
  await follower.stop();
  const expected = stored.map(({ id, data }) => ({ id, n: (data as { n: number }).n }));
  expect(follower.seen).toEqual(expected);
  for (const [id, n] of load.acknowledged) expect(expected[id - 1]).toEqual({ id, n });
}, 60_000);

it('fails fast for the channels of a master that is away, and serves the others', async () => {
  const store = await openStore({ cluster: cluster.nodes });
  const victim = await cluster.masterOf('{gone}');
  const others = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const masters = await Promise.all(others.map((name) => cluster.masterOf(`{${name}}`)));
  const served = others[masters.findIndex((master) => master !== victim)] ?? '';
  await store.append('gone', [event(1)]);
  (await cluster.replicaOf(victim)).pause();
  await victim.kill();
  await until('it is noticed', async () => !(await succeeds(store.append('gone', [event(2)]))));
  for (const attempt of [
    () => store.append('gone', [event(2)]),
    () => store.read({ channel: 'gone', after: 0, limit: 1 }),
    () => store.poll({ channel: 'gone', after: 1, limit: 1 }, { timeoutMs: 15_000 }),
  ]) {
    const { error, ms } = await failure(attempt());
    expect(error).toMatchObject({ code: 'ServiceUnavailable' });
    expect(ms).toBeLessThan(500);
  }
  await store.append(served, [event(1)]);
  expect(ids(await store.read({ channel: served, after: 0, limit: 1 }))).toEqual([1]);
  await store.ping();
}, 60_000);

it('saves cursors of the channels of other masters while one hangs', async () => {
  const store = await openStore({ cluster: cluster.nodes });
  const hanging = await cluster.masterOf('{gone}');
  const others = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const masters = await Promise.all(others.map((name) => cluster.masterOf(`{${name}}`)));
  const served = others[masters.findIndex((master) => master !== hanging)] ?? '';
  await store.saveCursor('c', served, 1);
  hanging.pause();
  try {
    const away = Array.from({ length: 6 }, (_, i) =>
      store.saveCursor(`c${i}`, 'gone', 1).catch(() => 'away'),
    );
    await new Promise((resolve) => setImmediate(resolve));
    await store.saveCursor('c', served, 2);
    expect(await Promise.race([Promise.all(away), 'still hanging'])).toBe('still hanging');
    await Promise.all(away);
  } finally {
    hanging.resume();
  }
}, 60_000);

it('goes on after the whole cluster was away, and those who wait with it', async () => {
  const store = await openStore({ cluster: cluster.nodes });
  const channels = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const channel of channels) await store.append(channel, [event(1)]);
  const polls = channels.map((channel) =>
    store.poll({ channel, after: 1, limit: 10 }, { timeoutMs: 40_000 }),
  );
  await until('the polls wait', () => store.waiting === channels.length);
  await Promise.all(cluster.servers.map((server) => server.kill()));
  await until('it is noticed', async () => !(await succeeds(store.ping())));
  expect(store.waiting).toBe(channels.length);
  await Promise.all(cluster.servers.map((server) => server.restart()));
  await cluster.healthy();
  await until('it is reachable', () => succeeds(store.ping()));
  for (const channel of channels) {
    await until('an append succeeds', () => succeeds(store.append(channel, [event(2)])));
    await until('and another', () => succeeds(store.append(channel, [event(3)])));
  }
  for (const batch of await Promise.all(polls)) expect(batch.count).toBeGreaterThan(0);
}, 60_000);

it('puts channels on the list again if a replica that lacks them takes over', async () => {
  const store = await openStore({ cluster: cluster.nodes });
  const key = 'events:channel-list';
  const channel = 'listed';
  const master = await cluster.masterOf(key);
  const replica = await cluster.replicaOf(master);
  await store.append(channel, [event(1)]);
  await until('it is listed', async () => (await master.admin.zscore(key, channel)) !== null);
  await master.admin.zrem(key, channel);
  await replica.admin.call('CLUSTER', 'FAILOVER');
  await promoted(replica);
  await until('it is listed again', async () => {
    await succeeds(store.append(channel, [event(2)]));
    return (await replica.admin.zscore(key, channel)) !== null;
  });
}, 60_000);

it('waits for the replicas of each master once for all channels that append meanwhile', async () => {
  const store = await openStore({ cluster: cluster.nodes, minReplicas: 1, replicaTimeoutMs: 15_000 });
  const channels = Array.from({ length: 60 }, (_, n) => `many/${n}`);
  const rounds = 10;
  await Promise.all(cluster.servers.map(({ admin }) => admin.config('RESETSTAT')));
  for (let n = 1; n <= rounds; n++) {
    const headers = await Promise.all(channels.map((channel) => store.append(channel, [event(n)])));
    expect(headers).toEqual(channels.map(() => [expect.objectContaining({ id: n })]));
  }
  const counts = await Promise.all(cluster.servers.map((server) => server.commandCounts()));
  const waits = counts.map((count) => count.get('wait') ?? 0);
  expect(waits.filter((count) => count > 0)).toHaveLength(3);
  expect(Math.max(...waits)).toBeLessThanOrEqual(2 * rounds);
}, 60_000);
