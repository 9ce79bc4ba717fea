import type { EventPage } from '@ganomede/events-store';
import { HoldingProxy, RedisServer, until } from '@ganomede/events-testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { event, ids, openStore } from './support/stores.js';

let redis: RedisServer;
let proxy: HoldingProxy;
beforeEach(async () => {
  redis = await RedisServer.start();
  proxy = await HoldingProxy.start(redis.port);
});
afterEach(async () => {
  await Promise.all([proxy?.stop(), redis?.stop()]);
});

const open = () => openStore({ url: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: 60_000 });

/** Resolves once Redis has run a command so many times since the replies are held back. */
const arrived = (command: string, count: number) =>
  until(`Redis has run ${command}`, async () => ((await redis.commandCounts()).get(command) ?? 0) >= count);

it('what is asked while a reply is on its way is sent at once', async () => {
  const store = await open();
  for (const channel of ['a', 'b']) await store.append(channel, [event(1)]);
  await store.saveCursor('first', 'a', 0);
  await redis.admin.config('RESETSTAT');
  proxy.hold();
  const reads = [store.read({ channel: 'a', after: 0, limit: 10 })];
  await arrived('lrange', 1);
  reads.push(store.read({ channel: 'b', after: 0, limit: 10 }));
  await arrived('lrange', 2);
  const saves = [store.saveCursor('one', 'a', 1)];
  await arrived('evalsha', 1);
  saves.push(store.saveCursor('two', 'a', 1));
  await arrived('evalsha', 2);
  proxy.release();
  for (const page of await Promise.all(reads)) expect(ids(page)).toEqual([1]);
  await Promise.all(saves);
});

it('the cursors of many consumers that are saved in one turn are one command', async () => {
  const store = await open();
  await store.saveCursor('first', 'a', 0);
  await redis.admin.config('RESETSTAT');
  await Promise.all(Array.from({ length: 500 }, (_, n) => store.saveCursor(`c${n}`, 'a', n)));
  expect((await redis.commandCounts()).get('evalsha')).toBe(1);
  expect(await store.loadCursor('c7', 'a')).toMatchObject({ after: 7 });
});

it('a save waits for the one before of the same consumer, and the last one counts', async () => {
  const store = await open();
  await store.saveCursor('c', 'a', 0);
  await redis.admin.config('RESETSTAT');
  proxy.hold();
  const saves = [store.saveCursor('c', 'a', 1)];
  await arrived('evalsha', 1);
  saves.push(store.saveCursor('c', 'a', 2), store.saveCursor('c', 'a', 3));
  proxy.release();
  await Promise.all(saves);
  expect((await redis.commandCounts()).get('evalsha')).toBe(2);
  expect(await store.loadCursor('c', 'a')).toMatchObject({ after: 3 });
});

it('the first poll of a channel reads what is there without waiting for its subscription', async () => {
  const store = await open();
  await store.append('a', [event(1)]);
  await redis.admin.config('RESETSTAT');
  proxy.hold();
  const poll = store.poll({ channel: 'a', after: 0, limit: 10 }, { timeoutMs: 60_000 });
  await arrived('lrange', 1);
  proxy.release();
  expect(ids(await poll)).toEqual([1]);
});

it('a read that its first reply answers asks for nothing more', async () => {
  const store = await open();
  await store.append('a', [event(1, 'x'), event(2, 'y'), event(3, 'x'), event(4, 'y')]);
  const counted = async (read: Promise<EventPage>) => {
    const found = ids(await read);
    const counts = await redis.commandCounts();
    await redis.admin.config('RESETSTAT');
    return [found, counts.get('lrange') ?? 0, (counts.get('evalsha') ?? 0) + (counts.get('eval') ?? 0)];
  };
  await counted(store.read({ channel: 'a:x', after: 0, limit: 10 }));
  // A script that finds the ids of a type reads its list.
  expect(await counted(store.read({ channel: 'a', after: 0, limit: 10 }))).toEqual([[1, 2, 3, 4], 1, 0]);
  expect(await counted(store.read({ channel: 'a:x', after: 0, limit: 10 }))).toEqual([[1, 3], 2, 1]);
  expect(await counted(store.latest({ channel: 'a', limit: 10 }))).toEqual([[1, 2, 3, 4], 1, 0]);
  expect(await counted(store.latest({ channel: 'a:x', limit: 10 }))).toEqual([[1, 3], 2, 1]);
});
