// From the Redis of an original, whose data are written as its server writes them; e2e has a real one.

import type { EventStore } from '@ganomede/events-store';
import {
  type MigrateOptions,
  type MigrationProgress,
  type MigrationReport,
  migrateOriginal,
} from '@ganomede/events-store-redis';
import { LossyProxy, RedisServer } from '@ganomede/events-testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { MigrationTarget, MigrationTransfer } from '../../src/original/channel-copy.js';
import { OriginalRedis } from '../../src/original/original-redis.js';
import { surveyOriginal } from '../../src/original/survey.js';
import { RedisStorage } from '../../src/redis-storage.js';
import { openTarget } from '../support/moved-store.js';
import { OriginalData, originalEvent } from '../support/original-data.js';

let redis: RedisServer;
let data: OriginalData;

beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());
beforeEach(async () => {
  await redis.admin.flushall();
  data = new OriginalData(redis.admin);
});

/** In place, where nothing is on its way. */
function migrate(to?: MigrationTarget, options: Partial<MigrateOptions> = {}): Promise<MigrationReport> {
  return migrateOriginal({ from: { url: redis.url }, to, settleMs: 50, ...options });
}

async function read(
  store: EventStore,
  channel: string,
): Promise<{ ids: number[]; lastId: number; firstId: number }> {
  const { events, lastId, firstId } = await store.read({ channel, after: 0, limit: 10_000 });
  return { ids: events.map(({ id }) => id), lastId, firstId };
}

const kinds = ({ problems }: MigrationReport) => problems.map(({ kind, subject }) => [kind, subject]);

/** Resolves once the progress is as it is to be. */
function progressing(): {
  onProgress: (progress: MigrationProgress) => void;
  until: (phase: string, events: number) => Promise<void>;
} {
  let latest: MigrationProgress | undefined;
  return {
    onProgress: (progress) => {
      latest = progress;
    },
    until: (phase, events) => expect.poll(() => latest).toMatchObject({ phase, events }),
  };
}

describe('a Redis of the original', () => {
  /** `orders` with 1, 2, 4, 5 and a counter at 6; `users/v1` with 1 to 3; cursors, indices, and what is of others. */
  async function writeAll(): Promise<void> {
    await data.publish('orders', { data: { who: 'alice' } });
    await data.publish('orders', { data: { who: 'bob' } });
    await data.count('orders');
    await data.publish('orders', { data: { who: 'alice' }, type: 'paid' });
    await data.publish('orders', { data: undefined });
    await data.count('orders');
    await data.publishMany('users/v1', 3);
    await data.cursor('mailer', 'orders', 2);
    await data.cursor('mailer:1', 'users/v1', 3);
    await data.cursor('slow', 'users/v1', 0);
    await data.index('by-who', 'orders', 'data.who');
    await redis.admin.lpush('index:by-who:alice', '1', '4');
    await redis.admin.set('session', 'of another program');
  }

  it('is told of without anything being changed', async () => {
    await writeAll();
    const before = await redis.admin.dbsize();
    const report = await migrate();
    expect(report).toEqual({
      channels: [
        { channel: 'orders', sources: ['orders'], events: 4, lastId: 6, keepsIds: true },
        { channel: 'users/v1', sources: ['users/v1'], events: 3, lastId: 3, keepsIds: true },
      ],
      cursors: 3,
      indices: 1,
      problems: [],
      otherKeys: { count: 1, examples: ['session'] },
      isDone: false,
    });
    expect(await redis.admin.dbsize()).toBe(before);
  });

  it('comes over in place: events, gaps, counters, cursors and indices', async () => {
    await writeAll();
    const { storage, store } = await openTarget(redis);
    const reports: MigrationReport[] = [];
    const report = await migrate(storage, { onReport: (each) => reports.push(each) });
    expect(reports.map(({ isDone }) => isDone)).toEqual([false]);
    expect(report).toMatchObject({ isDone: true, cursors: 3, indices: 1, problems: [] });
    expect(report.channels).toMatchObject([
      { channel: 'orders', events: 4, lastId: 6, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      { channel: 'users/v1', events: 3, lastId: 3 },
    ]);

    expect(await read(store, 'orders')).toEqual({ ids: [1, 2, 4, 5], lastId: 6, firstId: 1 });
    expect((await store.read({ channel: 'orders:paid', after: 0, limit: 9 })).events).toEqual([
      { id: 4, ...originalEvent(4, { data: { who: 'alice' }, type: 'paid' }) },
    ]);
    expect((await store.latest({ channel: 'orders', limit: 1 })).events).toEqual([
      { id: 5, timestamp: 1_429_084_000_005, from: 'test', type: 'add' },
    ]);
    for (const [clientId, channel, after] of [
      ['mailer', 'orders', 2],
      ['mailer:1', 'users/v1', 3],
      ['slow', 'users/v1', 0],
    ] as const) {
      expect(await store.loadCursor(clientId, channel)).toMatchObject({ after });
    }
    const { rows } = await store.readIndex({ id: 'by-who', value: 'alice', limit: 9 });
    expect(rows.events.map(({ id }) => id)).toEqual([4, 1]);
    expect(await store.append('orders', [{ from: 'f', type: 't' }])).toMatchObject([{ id: 7 }]);
  });

  it('may hold more than a step, and be brought again', async () => {
    await data.publishMany('long', 2_500);
    const { storage, store } = await openTarget(redis);
    const stopped = new AbortController();
    const broken = migrate(storage, {
      signal: stopped.signal,
      onProgress: ({ events }) => {
        if (events >= 1_000) stopped.abort(new Error('stopped'));
      },
    });
    await expect(broken).rejects.toThrow('stopped');
    const { ids: brought } = await read(store, 'long');
    expect(brought.length).toBeLessThan(2_500);
    const [first, second] = [await migrate(storage), await migrate(storage)];
    expect(second.channels).toEqual(first.channels);
    expect((await read(store, 'long')).ids).toEqual(Array.from({ length: 2_500 }, (_, i) => i + 1));
  });

  it('may be brought again if the connection was lost within a step', async () => {
    await data.publishMany('long', 1_000);
    await using proxy = await LossyProxy.start(redis.port);
    const cut = await RedisStorage.open({ url: `redis://127.0.0.1:${proxy.port}` });
    // Of the first of several scripts.
    proxy.loseReplyTo('"id":1,');
    await expect(migrate(cut)).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    await cut.close();
    expect(proxy.lost).toBe(1);
    const { storage, store } = await openTarget(redis);
    expect((await read(store, 'long')).lastId, 'some of them').toBeLessThan(1_000);
    await migrate(storage);
    expect((await read(store, 'long')).ids).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1));
  });

  it('that has gaps may be brought again, since an earlier run has passed over them', async () => {
    await writeAll();
    const { storage } = await openTarget(redis);
    const first = await migrate(storage);
    expect((await migrate(storage)).channels).toEqual(first.channels);
  });

  it('may be brought again if a target has failed in the middle of the first events of a channel', async () => {
    await data.publishMany('a', 500);
    await redis.admin.set(
      'a:400',
      JSON.stringify({ id: 400, ...originalEvent(400, { data: 'x'.repeat(2 ** 20) }) }),
    );
    const { storage, store } = await openTarget(redis);
    const [, limit = ''] = (await redis.admin.config('GET', 'proto-max-bulk-len')) as string[];
    await redis.admin.config('SET', 'proto-max-bulk-len', 2 ** 20);
    await expect(migrate(storage)).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    await redis.admin.config('SET', 'proto-max-bulk-len', limit);
    await expect
      .poll(() =>
        read(store, 'a').then(
          ({ lastId }) => lastId,
          () => undefined,
        ),
      )
      .toBeDefined();
    const { lastId } = await read(store, 'a');
    expect(lastId).toBeGreaterThan(1);
    expect(lastId).toBeLessThan(400);
    await migrate(storage);
    expect((await read(store, 'a')).ids).toHaveLength(500);
  });

  it('of version 1.0 has its counter elsewhere', async () => {
    await data.publishMany('old', 2);
    await redis.admin.rename('indices:old', 'old:indices');
    await redis.admin.set('old:indices', '9');
    expect((await migrate()).channels).toMatchObject([{ channel: 'old', events: 2, lastId: 9 }]);
  });

  it('that gave ids and has no event of them goes on counting', async () => {
    await data.count('empty');
    await data.count('empty');
    const { storage, store } = await openTarget(redis);
    await migrate(storage);
    expect(await read(store, 'empty')).toEqual({ ids: [], lastId: 2, firstId: 0 });
    expect(await store.append('empty', [{ from: 'f', type: 't' }])).toMatchObject([{ id: 3 }]);
  });
});

describe('events that are on their way', () => {
  it('are waited for if their ids are given', async () => {
    await data.publishMany('a', 2);
    const late = await data.count('a');
    await data.publish('a');
    const { storage, store } = await openTarget(redis);
    const progress = progressing();
    const running = migrate(storage, { settleMs: 60_000, onProgress: progress.onProgress });
    await progress.until('switching', 2);
    await data.store('a', late, originalEvent(late));
    await running;
    expect(await read(store, 'a')).toEqual({ ids: [1, 2, 3, 4], lastId: 4, firstId: 1 });
  });

  it('and come later than they may are noticed', async () => {
    await data.publish('a');
    const late = await data.count('a');
    await data.publish('a');
    const { storage } = await openTarget(redis);
    const importEvents: MigrationTransfer['importEvents'] = async (channel, part) => {
      if (part.lastId === 3) await data.store('a', late, originalEvent(late));
      return storage.transfer.importEvents(channel, part);
    };
    await expect(migrate(withSteps(storage, { importEvents }))).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringContaining('"a" of the original has got events below ids that were read already'),
    });
  });

  it('after the switch are told of', async () => {
    await data.publish('a');
    const { storage, store } = await openTarget(redis);
    const importCursors: MigrationTransfer['importCursors'] = async (channel, cursors) => {
      await data.publish('a');
      return storage.transfer.importCursors(channel, cursors);
    };
    await data.cursor('c', 'a', 1);
    const report = await migrate(withSteps(storage, { importCursors }));
    expect(kinds(report)).toEqual([['published-after-switch', 'a']]);
    expect((await read(store, 'a')).ids).toEqual([1]);
  });
});

/** The storage with steps between its own. */
function withSteps(storage: RedisStorage, steps: Partial<MigrationTransfer>): MigrationTarget {
  const { cursors, indices, channels, transfer } = storage;
  return {
    ...{ cursors, indices, channels },
    scan: (scan) => storage.scan(scan),
    transfer: {
      importEvents: (channel, part) => transfer.importEvents(channel, part),
      importCursors: (channel, all) => transfer.importCursors(channel, all),
      ...steps,
    },
  };
}

describe('an original that goes on', () => {
  it('is followed until the switch, with the channels and cursors that are new', async () => {
    await data.publishMany('a', 3);
    await data.cursor('c', 'a', 1);
    const { storage, store } = await openTarget(redis);
    const progress = progressing();
    const switched = new AbortController();
    const running = migrate(storage, { followUntil: switched.signal, onProgress: progress.onProgress });
    await progress.until('following', 3);
    await data.publishMany('a', 2);
    await progress.until('following', 5);
    await data.publishMany('b', 2);
    await data.cursor('c', 'a', 4);
    await data.publish('a');
    switched.abort();
    const report = await running;
    expect(report).toMatchObject({ isDone: true, cursors: 1, problems: [] });
    expect((await read(store, 'a')).ids).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await read(store, 'b')).ids).toEqual([1, 2]);
    expect(await store.loadCursor('c', 'a')).toMatchObject({ after: 4 });
  });

  it('is left with an error, before the switch, if an event comes later than it may', async () => {
    await data.publish('a');
    const late = await data.count('a');
    await data.publish('a');
    const { storage } = await openTarget(redis);
    const progress = progressing();
    const { signal } = new AbortController();
    const running = migrate(storage, { followUntil: signal, onProgress: progress.onProgress });
    const left = expect(running).rejects.toMatchObject({ code: 'Conflict' });
    await progress.until('following', 2);
    await data.store('a', late, originalEvent(late));
    await data.publish('a');
    await left;
  });

  it('may be brought again if the target came back older meanwhile', async () => {
    await data.publishMany('a', 3);
    const { storage, store } = await openTarget(redis);
    const importEvents: MigrationTransfer['importEvents'] = async (channel, part) => {
      // All that it has of it, as if it came back empty.
      if (part.after === 3) await redis.admin.del(await redis.admin.keys('events:{a}*'));
      return storage.transfer.importEvents(channel, part);
    };
    const progress = progressing();
    const followUntil = new AbortController().signal;
    const target = withSteps(storage, { importEvents });
    const running = migrate(target, { followUntil, onProgress: progress.onProgress });
    const failed = expect(running).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    await progress.until('following', 3);
    await data.publishMany('a', 2);
    await failed;
    await migrate(storage);
    expect((await read(store, 'a')).ids).toEqual([1, 2, 3, 4, 5]);
  });

  it('has no cursor ahead of its channel for being looked at meanwhile', async () => {
    await data.publish('a');
    await data.cursor('c', 'a', 1);
    const original = await OriginalRedis.open({ url: redis.url });
    onTestFinished(() => original.close());
    const survey = await surveyOriginal({
      keys: () => original.keys(),
      extents: (channels) => original.extents(channels),
      texts: async (keys) => {
        if (keys.some((key) => key.startsWith('last-fetched:')))
          await data.cursor('c', 'a', await data.publish('a'));
        return original.texts(keys);
      },
    });
    expect(survey).toMatchObject({
      channels: [{ name: 'a', lastId: 2 }],
      cursors: [{ after: 2 }],
      problems: [],
    });
  });

  it('is left with an error if it begins to use names that somebody has to decide on', async () => {
    await data.publish('a');
    const { storage } = await openTarget(redis);
    const progress = progressing();
    const switched = new AbortController();
    const running = migrate(storage, { followUntil: switched.signal, onProgress: progress.onProgress });
    await progress.until('following', 1);
    await data.publish('a:add');
    switched.abort();
    await expect(running).rejects.toThrow(/Invalid typedNames: .*"a:add"/);
  });
});

it('a target that lost what it has got while nothing came is told of', async () => {
  await data.publishMany('a', 3);
  const { storage } = await openTarget(redis);
  const progress = progressing();
  const switched = new AbortController();
  const running = migrate(storage, { followUntil: switched.signal, onProgress: progress.onProgress });
  await progress.until('following', 3);
  // As a Redis that is started again, and persists nothing.
  await redis.admin.del('events:{a}', 'events:{a}:events');
  switched.abort();
  await expect(running).rejects.toMatchObject({
    code: 'Conflict',
    message: expect.stringContaining('expected 3 events up to id 3, got 0 up to id'),
  });
});

describe('a target that was used', () => {
  it.each([
    ['an event', (store: EventStore) => store.append('a', [{ from: 'f', type: 't' }])],
    ['a cursor', (store: EventStore) => store.saveCursor('c', 'a', 1)],
  ])('by %s is refused', async (_, use) => {
    await data.publish('a');
    const { storage, store } = await openTarget(redis);
    await migrate(storage);
    await use(store);
    await expect(migrate(storage)).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringContaining('Cannot migrate channel "a": expected one that nobody has used'),
    });
  });

  it('keeps its index', async () => {
    await data.publish('a');
    await data.index('i', 'a', 'data.n');
    const { storage, store } = await openTarget(redis);
    await store.createIndex({ id: 'i', channel: 'other', field: 'type' });
    expect(kinds(await migrate(storage))).toEqual([['index-conflict', 'i']]);
  });
});

describe('names like channel:type', () => {
  /** By their timestamps: a1, t2, a3, t4, t5. */
  async function writeTyped(): Promise<void> {
    for (const [channel, timestamp] of [
      ['a', 1],
      ['a:add', 2],
      ['a', 3],
      ['a:add', 4],
      ['a:add', 5],
    ] as const) {
      await data.publish(channel, { timestamp, type: 'x' });
    }
    await data.cursor('c', 'a', 1);
    await data.cursor('new', 'a', 0);
    await data.cursor('c', 'a:add', 2);
    await data.cursor('ahead', 'a:add', 3);
    await data.index('i', 'a:add', 'type');
  }

  it('have to be decided on', async () => {
    await writeTyped();
    const report = await migrate();
    expect(kinds(report)).toEqual([['undecided-names', 'a:add']]);
    const { storage } = await openTarget(redis);
    await expect(migrate(storage)).rejects.toThrow(RangeError);
  });

  it('stay channels of their own with keep', async () => {
    await writeTyped();
    const { storage, store } = await openTarget(redis, { typedChannels: false });
    await migrate(storage, { typedNames: 'keep' });
    expect((await read(store, 'a')).ids).toEqual([1, 2]);
    expect((await read(store, 'a:add')).ids).toEqual([1, 2, 3]);
    expect(await store.loadCursor('c', 'a:add')).toMatchObject({ after: 2 });
  });

  it('go into their channel with merge, in the order of time, with cursors that have seen the same', async () => {
    await writeTyped();
    const { storage, store } = await openTarget(redis);
    const report = await migrate(storage, { typedNames: 'merge' });
    expect(report.channels).toMatchObject([
      { channel: 'a', sources: ['a', 'a:add'], events: 5, lastId: 8, keepsIds: false },
    ]);
    expect(report.problems).toEqual([]);
    // Above all that was given: 2 and 3.
    const { events } = await store.read({ channel: 'a', after: 0, limit: 9 });
    expect(events.map(({ id, timestamp }) => [id, timestamp])).toEqual([
      [4, 1],
      [5, 2],
      [6, 3],
      [7, 4],
      [8, 5],
    ]);
    expect((await read(store, 'a:add')).ids).toEqual([5, 7, 8]);
    for (const [clientId, channel, after] of [
      ['c', 'a', 4],
      ['new', 'a', 3],
      ['c', 'a:add', 7],
      ['ahead', 'a:add', 8],
    ] as const) {
      expect(await store.loadCursor(clientId, channel)).toMatchObject({ after });
    }
    const { rows } = await store.readIndex({ id: 'i', value: 'x', limit: 9 });
    expect(rows.events.map(({ id }) => id)).toEqual([8, 7, 5]);
    expect((await migrate(storage, { typedNames: 'merge' })).channels).toEqual(report.channels);
  });

  it('keep their ids with merge if one is alone, and cannot be followed', async () => {
    await data.publishMany('a:add', 3);
    await data.cursor('c', 'a:add', 2);
    const { storage, store } = await openTarget(redis);
    const followUntil = AbortSignal.abort();
    await expect(migrate(storage, { typedNames: 'merge', followUntil })).rejects.toThrow(RangeError);
    await migrate(storage, { typedNames: 'merge' });
    expect((await read(store, 'a:add')).ids).toEqual([1, 2, 3]);
    expect((await read(store, 'a')).ids).toEqual([1, 2, 3]);
    expect(await store.loadCursor('c', 'a:add')).toMatchObject({ after: 2 });
  });
});

describe('what is not brought as it is', () => {
  it('is listed', async () => {
    const long = 'x'.repeat(257);
    for (const channel of ['b:c', 'c', long]) await data.publish(channel);
    await data.cursor('a', 'b:c', 1);
    await data.cursor('a', 'c', 7);
    await data.cursor('a', 'nobody', 1);
    await data.cursor(long, 'c', 1);
    await data.cursor('a', long, 1);
    await data.index('y'.repeat(257), 'c', 'type');
    await redis.admin.set('indices:odd', 'what');
    await redis.admin.set('last-fetched:a:c2', 'NaN');
    const report = await migrate(undefined, { typedNames: 'keep' });
    expect(kinds(report).sort()).toEqual(
      [
        ['ambiguous-cursor', 'last-fetched:a:b:c'],
        ['cursor-ahead', 'last-fetched:a:c'],
        ['illegal-name', `${long}:keys`],
        ['illegal-name', `indices:${'y'.repeat(257)}`],
        ['illegal-name', `last-fetched:${long}:c`],
        ['not-understood', 'indices:odd'],
        ['not-understood', 'last-fetched:a:c2'],
        ['unknown-channel', 'last-fetched:a:nobody'],
      ].sort(),
    );
    expect(report).toMatchObject({ cursors: 2, indices: 0 });
    expect(report.channels.map(({ channel }) => channel)).toEqual(['b:c', 'c']);
    expect(report.problems.find(({ kind }) => kind === 'ambiguous-cursor')?.message).toBe(
      'Taken as that of "a" on "b:c"; it may be that of "a:b" on "c".',
    );
  });

  it('is what has another type, an id that cannot be, or no name', async () => {
    await data.publishMany('a', 3);
    await redis.admin.set('b:keys', 'no sorted set');
    await data.count('b');
    await data.cursor('c', 'b', 1);
    await data.count('');
    for (const [score, key] of [
      [2, 'a:2 again'],
      [2.5, 'a:2.5'],
      [Number.MAX_SAFE_INTEGER + 1, 'a:9007199254740992'],
      ['+inf', 'a:inf'],
    ] as const) {
      await redis.admin.zadd('a:keys', String(score), key);
      await redis.admin.set(key, JSON.stringify({ id: score, ...originalEvent(2) }));
    }
    const { storage, store } = await openTarget(redis);
    const report = await migrate(storage);
    expect(kinds(report).sort()).toEqual([
      ['damaged-event', 'a:2 again'],
      ['damaged-event', 'a:2.5'],
      ['illegal-name', ':keys'],
      ['not-understood', 'a:keys'],
      ['not-understood', 'b:keys'],
      ['unknown-channel', 'last-fetched:c:b'],
    ]);
    expect(report.channels).toMatchObject([{ channel: 'a', events: 3, lastId: 3 }]);
    expect((await read(store, 'a')).ids).toEqual([1, 2, 3]);
  });

  it('is an event that cannot be read, whose id becomes a gap', async () => {
    await data.publishMany('a', 4);
    await redis.admin.del('a:2');
    await redis.admin.set('a:3', '{');
    const { storage, store } = await openTarget(redis);
    const report = await migrate(storage);
    expect(kinds(report)).toEqual([
      ['damaged-event', 'a:2'],
      ['damaged-event', 'a:3'],
    ]);
    expect((await read(store, 'a')).ids).toEqual([1, 4]);
    expect(report.channels).toMatchObject([{ events: 2, lastId: 4 }]);
  });
});

it('a consumer that has seen more than was brought goes back to the end of that, whatever comes behind it', async () => {
  await data.publishMany('a', 4);
  await data.cursor('c', 'a', 3);
  const { storage, store } = await openTarget(redis);
  await migrate(storage);
  await store.append(
    'a',
    Array.from({ length: 5 }, () => ({ from: 'f', type: 't' })),
  );
  const { epoch } = await store.loadCursor('c', 'a');
  const page = await store.read({ channel: 'a', after: 6, epoch, limit: 9 });
  expect(page.rewoundTo).toBe(4);
  expect(page.events.map(({ id }) => id)).toEqual([5, 6, 7, 8, 9]);
  expect((await store.read({ channel: 'a', after: 3, epoch, limit: 9 })).rewoundTo).toBeUndefined();
  // Of one that never saved a cursor it is known only while it is ahead.
  expect(await store.read({ channel: 'a', after: 10, limit: 9 })).toMatchObject({ count: 5, rewoundTo: 4 });
});

describe('a server that finds an original’s data', () => {
  async function warningsOf(): Promise<string[]> {
    const warnings: string[] = [];
    const storage = await RedisStorage.open({
      url: redis.url,
      onWarning: (warning) => warnings.push(warning),
    });
    await storage.close();
    return warnings.filter((warning) => warning.includes('original'));
  }

  it('beside an empty store of its own says so', async () => {
    for (let n = 0; n < 100; n++) await redis.admin.set(`user:${n}`, 'of another program');
    await redis.admin.set('user:keys', 'too');
    expect(await warningsOf()).toEqual([]);
    await data.publishMany('orders', 3);
    expect(await warningsOf()).toEqual([
      expect.stringMatching(/\(channel "orders"\).*"ganomede-events migrate"/),
    ]);
    const { storage } = await openTarget(redis);
    await migrate(storage);
    expect(await warningsOf()).toEqual([]);
  });
});
