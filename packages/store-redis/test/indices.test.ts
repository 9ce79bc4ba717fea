import { Process, RedisCluster, RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure, openStore } from './support/stores.js';

const ROUNDS = 150;
const APPENDED = 10;

const user = (username: string) => ({ from: 'test', type: 'add', data: { username } });

let redis: RedisServer;
let cluster: RedisCluster | undefined;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

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

  it('find every event that a third has stored, once, while they read one index and it goes on', async () => {
    const address = await start();
    const writer = await openStore(
      address.includes(',') ? { cluster: address.split(',') } : { url: address },
    );
    const index = { id: 'users-by-name', channel: 'users', field: 'data.username' };
    await writer.append(
      'users',
      Array.from({ length: 2_000 }, () => user('alice')),
    );
    await writer.createIndex(index);
    const children = [1, 2].map(() =>
      Process.node(new URL('children/finder.mjs', import.meta.url), [address, index.id], {
        keepInputOpen: true,
      }),
    );
    try {
      await Promise.all(children.map((child) => child.line(0)));
      /** What each question has to find at least. */
      const stored: number[] = [];
      let last = 2_000;
      for (let n = 0; n < ROUNDS; n++) {
        stored.push(last);
        for (const child of children) child.write(`${n} alice\n`);
        const headers = await writer.append(
          'users',
          Array.from({ length: APPENDED }, (_, i) => user(i % 2 ? 'bob' : 'alice')),
        );
        last = headers.at(-1)?.id ?? 0;
      }
      for (const child of children) {
        await child.line(ROUNDS);
        expect(child.stderr).toBe('');
        for (const line of child.lines.slice(1)) {
          const space = line.indexOf(' ');
          const found = JSON.parse(line.slice(space)) as number[];
          // Every second event after the first 2,000 is of somebody else.
          const newest = Math.max(...found);
          const expected = Array.from({ length: newest }, (_, i) => newest - i).filter(
            (id) => id <= 2_000 || id % 2 === 1,
          );
          expect(found).toEqual(expected);
          expect(newest).toBeGreaterThanOrEqual((stored[Number(line.slice(0, space))] ?? 0) - 1);
        }
      }
      const { rows } = await writer.readIndex({ id: index.id, value: 'bob', limit: 100_000 });
      expect(rows.count).toBe((ROUNDS * APPENDED) / 2);
    } finally {
      await Promise.all(children.map((child) => child.stop('SIGKILL')));
    }
  });
});

describe('an index', () => {
  it('gives back the memory of events that retention has dropped', async () => {
    const options = { url: redis.url, retention: { maxEvents: 100 } };
    const [store, peer] = [await openStore(options), await openStore(options)];
    const channel = 'trimmed';
    const index = { id: channel, channel, field: 'data.username' };
    await store.createIndex(index);
    const keys = () => redis.admin.keys(`events:{${channel}}:value:*`);
    for (let round = 0; round < 20; round++) {
      await store.append(
        channel,
        Array.from({ length: 200 }, (_, n) => user(`a user ${round} ${n}`)),
      );
      // Both at once: what one removes the other leaves alone.
      await Promise.all(
        [store, peer].map((each) => each.readIndex({ id: index.id, value: 'nobody', limit: 1 })),
      );
    }
    await until('old entries are removed', async () => {
      await store.readIndex({ id: index.id, value: 'nobody', limit: 1 });
      return (await keys()).length === 100;
    });
    expect(await redis.admin.llen(`events:{${channel}}:order:data.username`)).toBe(100);
    for (let n = 100; n < 200; n++) {
      const { rows } = await peer.readIndex({ id: index.id, value: `a user 19 ${n}`, limit: 9 });
      expect(rows.events).toMatchObject([{ id: 3_801 + n }]);
    }
  });

  it('cannot be read or made while Redis is away, and goes on where it was', async () => {
    const server = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always');
    try {
      const store = await openStore({ url: server.url });
      const index = { id: 'away', channel: 'away', field: 'data.username' };
      const read = () => store.readIndex({ id: index.id, value: 'alice', limit: 9 });
      await store.createIndex(index);
      await store.append('away', [user('alice'), user('bob')]);
      expect((await read()).rows.events).toMatchObject([{ id: 1 }]);
      await server.kill();
      for (const call of [
        read,
        () => store.indices(),
        () => store.createIndex(index),
        () => store.latest({ channel: 'away', limit: 1 }),
      ]) {
        const { error } = await failure(call());
        expect(error).toMatchObject({ name: 'EventsError', code: 'ServiceUnavailable' });
      }
      await server.restart('--appendonly', 'yes');
      await until('the store is back', () =>
        store.ping().then(
          () => true,
          () => false,
        ),
      );
      await store.append('away', [user('alice')]);
      expect((await read()).rows.events).toMatchObject([{ id: 3 }, { id: 1 }]);
    } finally {
      await server.stop();
    }
  });

  it('costs an append nothing', async () => {
    const store = await openStore({ url: redis.url });
    await store.createIndex({ id: 'cost', channel: 'cost', field: 'data.username' });
    await store.append('cost', [user('alice')]);
    // What is built in the background is there then.
    await store.readIndex({ id: 'cost', value: 'alice', limit: 1 });
    await redis.admin.config('RESETSTAT');
    await store.append('cost', [user('alice')]);
    const counts = await redis.commandCounts();
    expect(counts.get('evalsha')).toBe(1);
    expect(counts.get('rpush')).toBe(2);
  });
});
