import { RedisServer, until } from '@ganomede/events-testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countReplicas } from '../src/replicas.js';
import { event, failure, ids, openStore, succeeds } from './support/stores.js';

let master: RedisServer;
let replica: RedisServer;
beforeEach(async () => {
  master = await RedisServer.start('--repl-diskless-sync-delay', '0');
  replica = await master.startReplica();
});
afterEach(async () => {
  await Promise.all([master?.stop(), replica?.stop()]);
});

it('resolves an append once the replicas have it', async () => {
  const store = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs: 15_000 });
  for (let n = 1; n <= 20; n++) {
    await store.append('replicated', [event(n)]);
    expect(await replica.admin.hget('events:{replicated}', 'last')).toBe(String(n));
  }
});

it('rejects an append that too few replicas have in time, and says that it is stored', async () => {
  const store = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs: 15_000 });
  const impatient = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs: 50 });
  await store.append('replicated', [event(1)]);
  replica.pause();
  const { error } = await failure(impatient.append('replicated', [event(2)]));
  expect(error).toMatchObject({
    code: 'ServiceUnavailable',
    message: expect.stringMatching(
      /expected 1 replica\(s\).*got 0; it is stored, a retry may store it twice/,
    ),
  });
  expect(ids(await store.read({ channel: 'replicated', after: 0, limit: 9 }))).toEqual([1, 2]);
  replica.resume();
  await until(
    'the replica has caught up',
    async () => (await replica.admin.hget('events:{replicated}', 'last')) === '2',
  );
  expect(await store.append('replicated', [event(3)])).toMatchObject([{ id: 3 }]);
});

it('waits for the replicas for longer than a command may take, and than a connection may be silent', async () => {
  const store = await openStore({
    ...{ url: master.url, minReplicas: 1, commandTimeoutMs: 300 },
    // A connection that is silent is suspected after 2 s, and cut after 3.
    replicaTimeoutMs: 4_500,
  });
  await until('an append is acknowledged', () => succeeds(store.append('replicated', [event(1)])));
  replica.pause();
  const { error } = await failure(store.append('replicated', [event(2)]));
  expect(error).toMatchObject({
    message: expect.stringMatching(/expected 1 replica\(s\).*got 0; it is stored/),
  });
  replica.resume();
});

it('does not take an append for confirmed if the connection is lost while it waits for the replicas', async () => {
  const store = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs: 60_000 });
  await until('an append is acknowledged', () => succeeds(store.append('replicated', [event(1)])));
  replica.pause();
  const failing = failure(store.append('replicated', [event(2)]));
  let waiting: string | undefined;
  await until('it waits', async () => {
    const clients = String(await master.admin.client('LIST'));
    waiting = /^id=(\d+) .*cmd=wait /m.exec(clients)?.[1];
    return waiting !== undefined;
  });
  await master.admin.client('KILL', 'ID', Number(waiting));
  expect((await failing).error).toMatchObject({ code: 'ServiceUnavailable' });
  replica.resume();
});

it('is not reachable without its replicas, since no append is acknowledged then', async () => {
  const store = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs: 300 });
  const undemanding = await openStore({ url: master.url });
  await store.ping();
  await replica.kill();
  await until('it is noticed', async () => !(await succeeds(store.ping())));
  const { error, ms } = await failure(store.ping());
  expect(error).toMatchObject({
    code: 'ServiceUnavailable',
    message: `Cannot append on Redis at 127.0.0.1:${master.port}: expected 1 replica(s) that answer, got 0`,
  });
  expect(ms).toBeLessThan(1_000);
  await undemanding.ping();
  await replica.restart();
  await until('it is reachable', () => succeeds(store.ping()));
  await until('an append is acknowledged', () => succeeds(store.append('again', [event(1)])));
});

it.each([
  ['those that are online and were heard of', 'online,offset=14,lag=1', 1],
  ['none that still gets what was there', 'wait_bgsave,offset=0,lag=0', 0],
  ['none that hangs', 'online,offset=14,lag=11', 0],
])('counts %s', (_, state, expected) => {
  const slave = `slave0:ip=127.0.0.1,port=6380,state=${state}\r\n`;
  const info = `role:master\r\nconnected_slaves:1\r\n${slave}master_replid:0\r\n`;
  expect(countReplicas(info)).toBe(expected);
});

it('counts nothing if Redis tells nothing', () => {
  expect(countReplicas('role:master\r\n')).toBeUndefined();
});

const channels = Array.from({ length: 12 }, (_, n) => `many/${n}`);

it('lets all channels wait for missing replicas together, and serves reads meanwhile and appends afterwards', async () => {
  await replica.kill();
  const replicaTimeoutMs = 1_000;
  const store = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs });
  const failing = channels.map((channel) => failure(store.append(channel, [event(1)])));
  // Another append of each comes while the first one waits.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const later = channels.map((channel) => failure(store.append(channel, [event(2)])));
  for (let n = 0; n < 10; n++) {
    const started = performance.now();
    await store.read({ channel: channels[n] ?? '', after: 0, limit: 9 });
    expect(performance.now() - started).toBeLessThan(replicaTimeoutMs / 2);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const { error, ms } of await Promise.all([...failing, ...later])) {
    expect(error).toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining('expected 1 replica(s)'),
    });
    expect(ms).toBeLessThan(2.5 * replicaTimeoutMs);
  }
  for (const channel of channels) {
    expect(ids(await store.read({ channel, after: 0, limit: 9 }))).toEqual([1, 2]);
  }
  await replica.restart();
  await until('the replica is online', async () =>
    (await master.admin.info('replication')).includes('state=online'),
  );
  await until('appends are acknowledged', () =>
    store.append('afterwards', [event(1)]).then(
      () => true,
      () => false,
    ),
  );
  for (const channel of channels) expect(await store.append(channel, [event(3)])).toMatchObject([{ id: 3 }]);
});

it('waits for the replicas once for all channels that append meanwhile', async () => {
  const store = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs: 15_000 });
  await store.append('first', [event(1)]);
  await master.admin.config('RESETSTAT');
  const rounds = 20;
  await Promise.all(
    channels.map(async (channel) => {
      for (let n = 1; n <= rounds; n++) {
        expect(await store.append(channel, [event(n)])).toMatchObject([{ id: n }]);
        expect(await replica.admin.hget(`events:{${channel}}`, 'last')).toBe(String(n));
      }
    }),
  );
  const counts = await master.commandCounts();
  expect(counts.get('wait')).toBeLessThan((rounds * channels.length) / 3);
});

it('counts no replica that lacks an append whose script was flushed away', async () => {
  const store = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs: 300 });
  await until('an append is acknowledged', () =>
    store.append('flushed', [event(1)]).then(
      () => true,
      () => false,
    ),
  );
  const { lastId } = await store.read({ channel: 'flushed', after: 0, limit: 1 });
  await until('the replica has everything', async () => {
    const info = await master.admin.info('replication');
    return /,offset=(\d+),/.exec(info)?.[1] === /master_repl_offset:(\d+)/.exec(info)?.[1];
  });
  await master.admin.script('FLUSH');
  replica.pause();
  const { error } = await failure(store.append('flushed', [event(2)]));
  expect(error).toMatchObject({ message: expect.stringContaining('expected 1 replica(s)') });
  replica.resume();
  expect((await store.read({ channel: 'flushed', after: 0, limit: 1 })).lastId).toBe(lastId + 1);
});

it('fails appends at once while Redis is known to hang, and goes on when it answers', async () => {
  const options = { url: master.url, minReplicas: 1, replicaTimeoutMs: 300, commandTimeoutMs: 300 };
  const store = await openStore(options);
  await until('an append is acknowledged', () =>
    store.append('hangs', [event(1)]).then(
      () => true,
      () => false,
    ),
  );
  master.pause();
  await failure(store.append('hangs', [event(2)]));
  const { error, ms } = await failure(store.append('hangs', [event(3)]));
  expect(error).toMatchObject({ message: expect.stringMatching(/^Redis at \S+ does not answer$/) });
  expect(ms).toBeLessThan(100);
  master.resume();
  await until('appends are acknowledged', () =>
    store.append('hangs', [event(4)]).then(
      () => true,
      () => false,
    ),
  );
});
