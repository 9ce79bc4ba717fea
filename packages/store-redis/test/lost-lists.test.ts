import type { EventStore } from '@ganomede/events-store';
import { RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { event, events, ids, openStore } from './support/stores.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

let count = 0;
let channel: string;
let list: string;
beforeEach(() => {
  channel = `lost/${++count}`;
  list = `events:{${channel}}:events`;
});

const read = (store: EventStore, after = 0, name = channel) =>
  store.read({ channel: name, after, limit: 100 });

/** Takes the list of events away in some way, and what that leaves of five events. */
const LOSSES: readonly [name: string, lose: () => Promise<unknown>, left: readonly number[]][] = [
  ['deleted', () => redis.admin.del(list), []],
  ['trimmed from the left', () => redis.admin.ltrim(list, 3, -1), [4, 5]],
  ['trimmed from the right', () => redis.admin.ltrim(list, 0, -2), []],
  [
    'left without one of its events',
    async () => redis.admin.lrem(list, 1, (await redis.admin.lindex(list, 2)) ?? ''),
    [4, 5],
  ],
];

describe.each(LOSSES)('a list of events that was %s', (_name, lose, left) => {
  const firstId = left[0] ?? 0;

  it('is read behind what is lost, with bounds that tell', async () => {
    const [store, reader] = [await openStore({ url: redis.url }), await openStore({ url: redis.url })];
    await store.append(channel, events(5));
    // One that has read before, and one that has not.
    expect(ids(await read(store))).toEqual([1, 2, 3, 4, 5]);
    await lose();
    for (const each of [store, reader]) {
      for (const name of [channel, `${channel}:add`]) {
        const page = await read(each, 0, name);
        expect([ids(page), page.firstId, page.lastId]).toEqual([left, firstId, 5]);
        expect(ids(await each.latest({ channel: name, limit: 3 }))).toEqual(left);
      }
    }
    expect(await store.append(channel, events(2))).toMatchObject([{ id: 6 }, { id: 7 }]);
    expect(await read(reader, 2)).toMatchObject({ firstId: firstId || 6, lastId: 7 });
    expect(ids(await read(reader, 2))).toEqual([...left, 6, 7]);
  });

  it.each(['one type', 'the newest', 'an index'])('is found out by whoever reads %s first', async (what) => {
    const store = await openStore({ url: redis.url });
    await store.append(channel, events(5));
    const index = { id: channel, channel, field: 'type' };
    await store.createIndex(index);
    const rows = () => store.readIndex({ id: channel, value: 'add', limit: 9 });
    await rows();
    await lose();
    const page =
      what === 'one type'
        ? await read(store, 0, `${channel}:add`)
        : what === 'the newest'
          ? await store.latest({ channel, limit: 9 })
          : (await rows()).rows.reversed();
    expect([ids(page), page.firstId, page.lastId]).toEqual([left, firstId, 5]);
  });

  it('takes new events under the right ids, unread', async () => {
    const [store, reader] = [await openStore({ url: redis.url }), await openStore({ url: redis.url })];
    await store.append(channel, events(5));
    await lose();
    expect(await store.append(channel, [event(6, 'other')])).toMatchObject([{ id: 6 }]);
    for (const name of [channel, `${channel}:other`]) {
      const page = await read(reader, 5, name);
      expect([ids(page), page.firstId, page.lastId]).toEqual([[6], firstId || 6, 6]);
    }
    expect(ids(await read(reader))).toEqual([...left, 6]);
  });

  it('is trimmed to no less than what retention keeps', async () => {
    const store = await openStore({ url: redis.url, retention: { maxEvents: 5 } });
    await store.append(channel, events(5));
    await lose();
    // The next sweep finds more than are kept, by what the hash tells.
    const sweeper = await openStore({ url: redis.url, retention: { maxEvents: 4, maxAgeMs: 10_000 } });
    const first = () => redis.admin.hget(`events:{${channel}}`, 'first');
    await until('it was mended', async () => (await first()) === String(firstId || 6));
    expect(ids(await read(sweeper))).toEqual(left);
  });

  it('ends nobody that follows', async () => {
    const [store, reader] = [await openStore({ url: redis.url }), await openStore({ url: redis.url })];
    await store.append(channel, events(5));
    const polls = [1, 5].map((after) => reader.poll({ channel, after, limit: 100 }, { timeoutMs: 15_000 }));
    expect(ids(await (polls[0] as (typeof polls)[0]))).toEqual([2, 3, 4, 5]);
    await until('the other waits', () => reader.waiting === 1);
    await lose();
    await store.append(channel, [event(6)]);
    const page = await polls[1];
    expect([page && ids(page), page?.firstId, page?.lastId]).toEqual([[6], firstId || 6, 6]);
    const behind = await reader.poll({ channel, after: 1, limit: 100 }, { timeoutMs: 15_000 });
    expect([ids(behind), behind.firstId]).toEqual([[...left, 6], firstId || 6]);
  });
});

it('a list that was left without its hash makes no events of a new channel', async () => {
  const store = await openStore({ url: redis.url });
  await store.append(channel, events(5));
  await redis.admin.del(`events:{${channel}}`);
  expect(await store.append(channel, [event(1, 'new')])).toMatchObject([{ id: 1 }]);
  const page = await read(store);
  expect([ids(page), page.events[0]?.type, page.firstId, page.lastId]).toEqual([[1], 'new', 1, 1]);
});
