import { afterEach, beforeEach, expect, it } from 'vitest';
import { RedisServer } from './support/redis-server.js';
import { event, failure, ids, openStore } from './support/stores.js';
import { until } from './support/until.js';

let master: RedisServer;
let replica: RedisServer;
beforeEach(async () => {
  master = await RedisServer.start('--repl-diskless-sync-delay', '0');
  replica = await RedisServer.start('--replicaof', '127.0.0.1', String(master.port));
  await until('the replica is online', async () =>
    (await master.admin.info('replication')).includes('state=online'),
  );
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
  const hasty = await openStore({ url: master.url, minReplicas: 1, replicaTimeoutMs: 50 });
  await store.append('replicated', [event(1)]);
  replica.pause();
  const { error } = await failure(hasty.append('replicated', [event(2)]));
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
