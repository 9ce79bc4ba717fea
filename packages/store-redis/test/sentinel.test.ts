import { RedisSentinels, until } from '@ganomede/events-testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { expectNothingLost, Follower, Load } from './support/load.js';
import { event, ids, openStore, succeeds } from './support/stores.js';

let group: RedisSentinels;
beforeEach(async () => {
  group = await RedisSentinels.start();
});
afterEach(() => group?.stop());

it.each([
  ['killed', (sentinels: RedisSentinels) => sentinels.servers[0]?.kill(), 1],
  ['hung', (sentinels: RedisSentinels) => sentinels.servers[0]?.pause(), 1],
  // Sentinels then go by what they knew of the replicas seconds ago: each has to have everything.
  ['made a replica', (sentinels: RedisSentinels) => sentinels.failover(), 2],
] as const)(
  'loses nothing that a replica has acknowledged when the master is %s under load, and goes on with another',
  async (_, end, minReplicas) => {
    const options = { url: group.url, minReplicas, commandTimeoutMs: 1_000 };
    const store = await openStore(options);
    const peer = await openStore({ url: group.url, commandTimeoutMs: 1_000 });
    const channels = ['a', 'b', 'c', 'd'];
    const loads = channels.map((channel) => new Load(store, channel, 2));
    const followers = channels.map((channel, n) => new Follower(peer, channel, n + 1));
    const acknowledged = () => loads.map((load) => load.acknowledged.size);
    await until('events are acknowledged', () => acknowledged().every((count) => count > 20));
    await end(group);
    await until('another is the master', async () => (await group.master()) !== group.servers[0]);
    const before = acknowledged();
    await until(
      'every channel goes on',
      () => acknowledged().every((count, i) => count > (before[i] ?? 0) + 20),
      30_000,
    );
    await expectNothingLost(peer, channels, loads, followers);
  },
  60_000,
);

it('waits for what comes through another master', async () => {
  const store = await openStore({ url: group.url, commandTimeoutMs: 1_000 });
  await store.append('waited', [event(1)]);
  const poll = store.poll({ channel: 'waited', after: 1, limit: 10 }, { timeoutMs: 60_000 });
  await until('the poll waits', () => store.waiting === 1);
  await group.servers[0]?.kill();
  await until('an append succeeds', () => succeeds(store.append('waited', [event(2)])), 30_000);
  expect(ids(await poll)[0]).toBe(2);
}, 60_000);
