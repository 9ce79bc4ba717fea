import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { Process, RedisCluster, RedisServer, TemporaryFolder } from '@ganomede/events-testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useCli } from './support/cli.js';

const cli = useCli();
let folder: TemporaryFolder;
beforeAll(() => {
  folder = new TemporaryFolder();
});
afterAll(() => folder.remove());

/** A store in a folder, with so many events, a consumer and an index. */
async function storeWith(events: number): Promise<string> {
  const dataDir = join(folder.path, `store-${Math.random()}`);
  const store = await openLmdbStore({ dataDir });
  const inputs = Array.from({ length: events }, (_, n) => ({ from: 'shop', type: 'paid', data: { n } }));
  await store.append('orders', inputs, {});
  await store.saveCursor('mailer', 'orders', 2);
  await store.createIndex({ id: 'by-n', channel: 'orders', field: 'data.n' });
  await store.close();
  return dataDir;
}

describe('backup and restore', () => {
  it('bring a store from a folder to Redis Cluster and back', async () => {
    const from = await storeWith(10);
    await using cluster = await RedisCluster.start();
    const address = `redis+cluster://${cluster.nodes.join(',')}`;
    const [first, second] = [join(folder.path, 'first'), join(folder.path, 'second')];
    expect(await cli().json(['backup', first, '--from', from])).toEqual([
      { file: first, channels: 1, events: 10 },
    ]);
    expect(statSync(first).mode & 0o777).toBe(0o600);
    expect(await cli().json(['restore', first, '--to', address, '--verify'])).toMatchObject([
      { channels: 1, events: 10, cursors: 1, indices: 1, stored: 10, known: 0, verified: true },
    ]);
    // As after a kill: all of it is there.
    expect(await cli().json(['restore', first, '--to', address])).toMatchObject([{ stored: 0, known: 10 }]);
    await cli().json(['backup', second, '--from', address]);
    const back = join(folder.path, 'back');
    const restored = await cli().run(['restore', second, '--to', back, '--verify']);
    expect(restored.stdout).toBe('10 events of 1 channel restored. The store holds what the backup does.\n');
    const contents = [first, second].map((file) =>
      JSON.parse(readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? ''),
    );
    expect(contents[0].content).toBe(contents[1].content);
  }, 120_000);

  it('replace a file only if they are told to, and leave no half of one', async () => {
    const from = await storeWith(1);
    const file = join(folder.path, 'there');
    writeFileSync(file, 'what is there');
    const asked = await cli().run(['backup', file, '--from', from]);
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(/will be replaced.*--yes/)]);
    const failed = await cli().run(['backup', file, '--from', join(folder.path, 'no such'), '--yes']);
    expect([failed.code, failed.stderr]).toEqual([2, expect.stringMatching(/^There is no folder/)]);
    expect(readFileSync(file, 'utf8')).toBe('what is there');
    await cli().json(['backup', file, '--from', from, '--yes']);
    expect(readFileSync(file, 'utf8')).toMatch(/^\{"format":/);
    expect(readdirSync(folder.path).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('remove what a backup to the same file has left that was killed, and nothing else', async () => {
    const from = await storeWith(1);
    using files = new TemporaryFolder();
    await using killed = new Process(process.execPath, ['-e', '']);
    await killed.exited();
    const others = [
      `all.${process.pid}.partial`,
      'all.partial',
      'all.x.partial',
      `all2.${killed.pid}.partial`,
    ];
    for (const name of [`all.${killed.pid}.partial`, ...others])
      writeFileSync(join(files.path, name), 'half');
    await cli().json(['backup', join(files.path, 'all'), '--from', from]);
    expect(readdirSync(files.path).sort()).toEqual(['all', ...others].sort());
  });

  it.each([
    ['no backup', 'nonsense\n', 1, /Invalid backup/],
    [
      'half a backup',
      '{"format":"ganomede-events-backup","version":1,"createdAt":"x"}\n',
      1,
      /its end is missing/,
    ],
  ])('refuse %s', async (_what, text, expected, message) => {
    const file = join(folder.path, 'wrong');
    writeFileSync(file, text);
    const { code, stderr } = await cli().run(['restore', file, '--to', join(folder.path, 'none')]);
    expect([code, stderr]).toEqual([expected, expect.stringMatching(message)]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('say that a Redis is away', async () => {
    const file = join(folder.path, 'away');
    const { code, stderr } = await cli().run(['backup', file, '--from', 'redis://127.0.0.1:1']);
    expect([code, stderr]).toEqual([5, expect.stringContaining('127.0.0.1:1')]);
  });
});

describe('migrate', () => {
  /** What a server of the original writes. */
  async function publish(redis: Redis, channel: string): Promise<void> {
    const id = await redis.incr(`indices:${channel}`);
    const event = { id, timestamp: 1_429_084_000_000 + id, type: 'add', from: 'test', data: { id } };
    await redis
      .multi()
      .set(`${channel}:${id}`, JSON.stringify(event), 'NX')
      .zadd(`${channel}:keys`, 'NX', id, `${channel}:${id}`)
      .exec();
  }

  it('tells what there is, and brings it, and what comes until it is told that this was all', async () => {
    await using server = await RedisServer.start();
    const redis = new Redis(server.url);
    for (let n = 0; n < 3; n++) await publish(redis, 'orders');
    await redis.set('last-fetched:mailer:orders', '2');
    const to = join(folder.path, 'moved');
    const looked = await cli().run(['migrate', '--from', server.url, '--dry-run']);
    expect(looked.stdout).toMatch(/^orders +3 +3 +kept +orders$/m);
    expect(looked.stdout).toMatch(
      /^3 events of 1 channel, 1 cursor and 0 index definitions would be brought\.$/m,
    );

    const args = ['migrate', '--from', server.url, '--to', to, '--follow', '--json'];
    await using following = cli().begin(args, { keepInputOpen: true });
    await following.until(() => following.stderr.includes('press Enter'));
    await publish(redis, 'orders');
    following.write('\n');
    expect(await following.exited()).toBe(0);
    expect(JSON.parse(following.stdout)).toMatchObject({
      isDone: true,
      channels: [{ channel: 'orders', events: 4, lastId: 4, keepsIds: true }],
      cursors: 1,
    });
    // Once more: all of it is there.
    expect(await cli().json(['migrate', '--from', server.url, '--to', to])).toMatchObject([{ isDone: true }]);
    redis.disconnect();
  }, 120_000);

  it('needs somebody who says when, and a decision on names with a colon', async () => {
    await using server = await RedisServer.start();
    const redis = new Redis(server.url);
    await publish(redis, 'users/v1:add');
    const to = join(folder.path, 'undecided');
    const nobody = await cli().run([
      'migrate',
      '--from',
      server.url,
      '--to',
      to,
      '--follow',
      '--typed-channels',
      'keep',
    ]);
    expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringMatching(/nobody can say when/)]);
    const undecided = await cli().run(['migrate', '--from', server.url, '--to', to]);
    expect([undecided.code, undecided.stderr]).toEqual([2, expect.stringMatching(/keep.*merge/)]);
    const merged = await cli().json([
      'migrate',
      '--from',
      server.url,
      '--to',
      to,
      '--typed-channels',
      'merge',
    ]);
    expect(merged).toMatchObject([{ isDone: true, channels: [{ channel: 'users/v1', events: 1 }] }]);
    redis.disconnect();
  }, 120_000);

  it('says what to say', async () => {
    const { code, stderr } = await cli().run(['migrate', '--from', 'redis://127.0.0.1:1']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--to, or only look: --dry-run/)]);
    const folderFrom = await cli().run(['migrate', '--from', folder.path, '--dry-run']);
    expect([folderFrom.code, folderFrom.stderr]).toEqual([2, expect.stringMatching(/address of a Redis/)]);
  });
});
