import type {
  GroupScope,
  GroupSettings,
  GroupStorage,
  GroupWorked,
  Settlement,
} from '@ganomede/events-store';
import { RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { RedisStorage } from '../src/redis-storage.js';

const SETTINGS: GroupSettings = { leaseMs: 60_000, maxDeliveries: 1, backoffMs: [60_000], maxPending: 1_000 };
const SCOPE: GroupScope = { channel: 'orders', type: undefined, group: 'mailer' };

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());
beforeEach(() => redis.admin.flushall());

async function openStorage(): Promise<RedisStorage> {
  const storage = await RedisStorage.open({ url: redis.url });
  onTestFinished(() => storage.close());
  return storage;
}

async function openGroups(settings: Partial<GroupSettings> = {}, scope = SCOPE): Promise<GroupStorage> {
  const { groups } = await openStorage();
  await groups.save(scope, { ...SETTINGS, ...settings }, { after: 0, changes: false });
  return groups;
}

/** Hands out the events with ids up to `to` that are new, or due. */
async function take(
  groups: GroupStorage,
  to: number,
  { limit = to, value = '', settle = [] as readonly Settlement[], scope = SCOPE } = {},
): Promise<GroupWorked> {
  const events = Array.from({ length: to }, (_, i) => ({ id: i + 1, value }));
  const order = value === '' ? undefined : 'data.user';
  const worked = await groups.work(scope, {
    settle,
    found: { from: 0, to, firstId: 1, events, epoch: '', order },
    takes: [{ clientId: 'worker', limit, leaseMs: undefined, token: 'token' }],
  });
  return worked as GroupWorked;
}

function settle(groups: GroupStorage, ...settlements: Settlement[]): Promise<GroupWorked | undefined> {
  return groups.work(SCOPE, { settle: settlements, found: undefined, takes: [] });
}

const acknowledge = (id: number): Settlement => ({ kind: 'acknowledge', id, token: 'token' });
const reject = (id: number): Settlement => ({ kind: 'reject', id, token: 'token', reason: 'bad' });
const release = (id: number, uncounted = true): Settlement => {
  return { kind: 'release', id, token: 'token', delayMs: undefined, reason: undefined, uncounted };
};

it('a group that is done with its events has nothing but itself, and one that is deleted nothing', async () => {
  const groups = await openGroups({ order: 'data.user' });
  await take(groups, 3, { value: '=alice' });
  for (const id of [1, 2]) {
    await settle(groups, acknowledge(id));
    await take(groups, 3, { value: '=alice' });
  }
  await settle(groups, acknowledge(3));
  const itself = ['events:{orders}:group:mailer', 'events:{orders}:groups'];
  expect((await redis.admin.keys('events:{*')).sort()).toEqual(itself);

  await take(groups, 6, { value: '=bob' });
  await settle(groups, reject(4));
  await groups.bury(SCOPE, [{ id: 4, deadLetterId: 1 }]);
  expect(await groups.list('orders')).toMatchObject([{ pending: 1, heldBack: 1, deadLetters: 1 }]);
  expect(await groups.delete(SCOPE)).toBe(true);
  expect(await redis.admin.keys('events:{*')).toEqual([]);
});

const GROUP = 'events:{orders}:group:mailer';
const fieldOf = (id: number) => `${id}`.padStart(16, '0');

it('a group keeps of a dead letter neither the reason nor the worker', async () => {
  const groups = await openGroups({ order: 'data.user' });
  await take(groups, 1, { value: '=alice' });
  await settle(groups, reject(1));
  const entry = async () => (await redis.admin.hget(GROUP, fieldOf(1))) ?? '';
  expect(await entry()).toMatch(/"rejected","bad"]worker=alicebad$/);
  await groups.bury(SCOPE, [{ id: 1, deadLetterId: 7 }]);
  expect(await entry()).toMatch(/^D .* 0 0 6 =alice$/);
});

describe('a server of a version that keeps no history of deliveries', () => {
  /** What it takes an event for. */
  async function entry(id: number) {
    const text = (await redis.admin.hget(GROUP, fieldOf(id))) ?? '';
    const [, state, count, ended, token, client, value, rest = ''] =
      /^(\w) (\d+) \d+ \d+ (\d+) (\d+) (\d+) (\d+) (.*)$/s.exec(text) ?? [];
    const from = Number(token) + Number(client);
    return {
      ...{
        state,
        count,
        ended,
        token: rest.slice(0, Number(token)),
        clientId: rest.slice(Number(token), from),
      },
      ...{ value: rest.slice(from, from + Number(value)), reason: rest.slice(from + Number(value)) },
    };
  }

  it('finds what it knows of an event where it expects it', async () => {
    const groups = await openGroups({ maxDeliveries: 3 });
    const released: Settlement[] = [2, 3].map((id) => ({ ...release(id, false), delayMs: 0 }) as Settlement);
    await take(groups, 3);
    await settle(groups, ...released);
    await take(groups, 3);
    await settle(groups, reject(2));
    const known = { clientId: 'worker', value: '' };
    expect(await entry(1)).toMatchObject({ ...known, state: 'L', count: '1', token: 'token', reason: '' });
    // Of one that is out it does not read the reason, and writes it back as it was.
    const history = expect.stringMatching(/^\[\d+,\d+,"worker","released",""]$/);
    expect(await entry(3)).toMatchObject({
      ...known,
      state: 'L',
      count: '2',
      token: 'token',
      reason: history,
    });
    // The token of one that is dying fits none of a worker.
    const token = expect.stringMatching(/^\[.*\n\[.*,"rejected","bad"]$/);
    expect(await entry(2)).toMatchObject({ ...known, state: 'X', count: '2', token, reason: 'bad' });
  });

  it('leaves events that go on, with what it has not kept missing', async () => {
    const groups = await openGroups({ maxDeliveries: 3 });
    await take(groups, 4);
    const ended = Date.now() - 1_000;
    const kept = '[1429084002258,1429084002259,"a","rejected",""]';
    const left = {
      1: 'L 1 0 0 0 5 3 0 tokenold',
      2: 'W 2 0 0 0 0 3 0 old',
      3: `X 1 0 0 ${ended} 0 3 0 oldbad`,
      // A history that it has kept, though the turn of the event is over.
      4: `D 0 0 7 ${ended} ${kept.length} 0 0 ${kept}`,
    };
    for (const [id, text] of Object.entries(left)) await redis.admin.hset(GROUP, fieldOf(Number(id)), text);
    await redis.admin.zrem('events:{orders}:group-due:mailer', fieldOf(3), fieldOf(4));
    await redis.admin.zadd('events:{orders}:group-due:mailer', 0, fieldOf(2));
    await redis.admin.zadd('events:{orders}:group-dying:mailer', 0, fieldOf(3));
    await redis.admin.zadd('events:{orders}:group-dead:mailer', ended, fieldOf(4));
    expect(await groups.redrive(SCOPE, { ids: [4], limit: 1 })).toEqual([4]);
    const { taken, dying } = await take(groups, 4, { settle: [reject(1)] });
    expect(taken).toMatchObject([
      [
        { id: 2, count: 3 },
        { id: 4, count: 1 },
      ],
    ]);
    const rejected = { endedAt: expect.any(Number), clientId: 'worker', outcome: 'rejected', reason: 'bad' };
    expect(dying).toMatchObject([
      { id: 3, clientId: 'old', reason: 'bad', deliveries: [] },
      { id: 1, clientId: 'old', reason: 'bad', deliveries: [{ ...rejected, clientId: 'old' }] },
    ]);
    expect(dying[1]?.deliveries?.[0]).not.toHaveProperty('deliveredAt', expect.any(Number));
    const others = await settle(groups, reject(2), reject(4));
    const all = [{ ...rejected, deliveredAt: expect.any(Number) }];
    expect(others?.dying).toMatchObject([
      { id: 2, deliveries: all },
      { id: 4, deliveries: all },
    ]);
  });
});

it.each([
  ['größe', undefined, 'a:b'],
  ['{100 %}', 'due', 'mailer'],
  ['a', 'b:c', 'd e/f'],
])(
  'groups of the channel %j, type %j, named %j are listed under their names',
  async (channel, type, group) => {
    const groups = await openGroups({}, { channel, type, group });
    expect((await groups.list(channel)).map(({ scope }) => scope)).toEqual([{ channel, type, group }]);
    expect(await groups.list('another')).toEqual([]);
  },
);

describe('those that wait at another server', () => {
  async function listening(): Promise<string[]> {
    const storage = await openStorage();
    const told: string[] = [];
    storage.listen({
      appended: () => told.push('appended'),
      trimmed: () => told.push('trimmed'),
      released: ({ channel, group }) => told.push(`released ${channel} ${group}`),
      missed: () => {},
    });
    await storage.subscriptions.subscribe('orders');
    return told;
  }

  /** Everything that was told before is there once this is. */
  async function toldSince(told: string[]): Promise<string[]> {
    await redis.admin.spublish('events:{orders}:new', '1');
    await until('it is told', () => told.at(-1) === 'trimmed');
    return told.splice(0).slice(0, -1);
  }

  it('are told what became due and was not handed out at once', async () => {
    const told = await listening();
    const groups = await openGroups();
    await take(groups, 2);
    expect(await toldSince(told)).toEqual([]);
    await settle(groups, release(1));
    expect(await toldSince(told)).toEqual(['released orders mailer']);
    expect((await take(groups, 2, { settle: [release(2)] })).taken).toMatchObject([[{ id: 1 }, { id: 2 }]]);
    expect(await toldSince(told)).toEqual([]);
  });

  it('are told that a full group has room again, that settings were changed, and that it was deleted', async () => {
    const told = await listening();
    const groups = await openGroups({ maxPending: 2 });
    expect((await take(groups, 3)).isFull).toBe(true);
    await settle(groups, acknowledge(1));
    expect(await toldSince(told)).toEqual(['released orders mailer']);
    await settle(groups, acknowledge(2));
    expect(await toldSince(told)).toEqual([]);
    await groups.save(SCOPE, { ...SETTINGS, maxPending: 3 }, { after: 0, changes: true });
    await groups.delete(SCOPE);
    expect(await toldSince(told)).toEqual(['released orders mailer', 'released orders mailer']);
  });

  it('are told of dead letters that are redriven', async () => {
    const told = await listening();
    const groups = await openGroups();
    await take(groups, 1, { settle: [] });
    await settle(groups, reject(1));
    await groups.bury(SCOPE, [{ id: 1, deadLetterId: 7 }]);
    expect(await toldSince(told)).toEqual([]);
    expect(await groups.redrive(SCOPE, { ids: undefined, limit: 10 })).toEqual([1]);
    expect(await toldSince(told)).toEqual(['released orders mailer']);
  });
});

it('a Redis without memory hands nothing out, changes nothing, and takes acknowledgements', async () => {
  const groups = await openGroups();
  await take(groups, 2);
  const before = await groups.list('orders');
  await redis.admin.config('SET', 'maxmemory', '1');
  onTestFinished(async () => void (await redis.admin.config('SET', 'maxmemory', '0')));
  await expect(take(groups, 4)).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  expect(await groups.list('orders')).toEqual(before);
  expect((await settle(groups, acknowledge(1)))?.settled).toEqual([true]);
  expect(await groups.list('orders')).toMatchObject([{ pending: 1 }]);
});

it('hands out and settles 64 events with as many commands as one, whatever is pending', async () => {
  const groups = await openGroups({ maxPending: 10_000, order: 'data.user' });
  const commands = async (count: number) => {
    await redis.admin.config('RESETSTAT');
    const { after } = await take(groups, count, { limit: 0 });
    const events = Array.from({ length: count }, (_, i) => ({ id: after + i + 1, value: `=${after + i}` }));
    const worked = await groups.work(SCOPE, {
      settle: Array.from({ length: count }, (_, i) => acknowledge(after - i)),
      found: { from: after, to: after + count, firstId: 1, events, epoch: '', order: 'data.user' },
      takes: [{ clientId: 'worker', limit: count, leaseMs: undefined, token: 'token' }],
    });
    expect(worked?.taken[0]).toHaveLength(count);
    const counts = await redis.commandCounts();
    return [...counts]
      .filter(([name]) => !/^(config|info|ping)$/.test(name))
      .reduce((sum, [, n]) => sum + n, 0);
  };
  await commands(1);
  const ofOne = await commands(1);
  expect(await commands(64)).toBe(ofOne);
  await commands(3_000);
  expect(await commands(1)).toBeLessThanOrEqual(ofOne);
});
