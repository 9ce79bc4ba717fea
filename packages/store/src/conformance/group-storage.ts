import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { DEFAULT_GROUP_SETTINGS } from '../groups/group-settings.js';
import {
  BURIAL_MS,
  type FoundEvents,
  type GroupScope,
  type GroupSettings,
  type GroupState,
  type GroupStorage,
  type GroupWork,
  type GroupWorked,
  LEASE_ENDED,
  MAX_DYING,
  MAX_ENDED,
  MAX_HELD_BACK,
  MAX_KEPT_DELIVERIES,
  MAX_KEPT_REASON,
  type Settlement,
  type Take,
} from '../groups/group-storage.js';
import type { Append, Storage } from '../storage.js';
import { newChannel, upTo } from './store-under-test.js';

/** Longer than any test: a lease, or a delay, that does not end. */
const NEVER_MS = 3_600_000;

/** A storage, and what it has told of channels. */
export interface StorageUnderTest {
  readonly storage: Storage;
  readonly told: readonly (readonly [what: string, channel: string, firstId: number | undefined])[];
}

/** An append of events that are filed under `add`. */
function append(channel: string, count: number): Append {
  const text = '"from":"test","type":"add"}';
  const events = Array.from({ length: count }, () => ({ text, type: 'add', filed: 'add' }));
  return { channel, events, bytes: count * text.length, maxEvents: 0, idempotency: undefined };
}

/** One group on a channel of its own, and its workers. */
class Group {
  readonly storage: Storage;
  readonly groups: GroupStorage;
  readonly scope: GroupScope;
  readonly order: string | undefined;
  /** Gives the value of an event in the order. */
  valueOf: (id: number) => string = () => '';
  after = 0;

  constructor(storage: Storage, scope: GroupScope, order: string | undefined) {
    this.storage = storage;
    this.groups = storage.groups;
    this.scope = scope;
    this.order = order;
  }

  append(count: number): Promise<unknown> {
    return this.storage.append(append(this.scope.channel, count));
  }

  /** What is behind the group. */
  async find(limit = 1_000): Promise<FoundEvents> {
    const { channel, type } = this.scope;
    const page = await this.storage.scan({ channel, type, after: this.after, limit });
    const events = page.events.map(({ id }) => ({ id, value: this.valueOf(id) }));
    const to = events.at(-1)?.id ?? Math.max(page.lastId, this.after);
    const firstId = page.firstId || page.lastId + 1;
    return { from: this.after, to, firstId, events, epoch: page.epochs?.current ?? '', order: this.order };
  }

  async work(work: Partial<GroupWork>): Promise<GroupWorked> {
    const worked = await this.groups.work(this.scope, { settle: [], found: undefined, takes: [], ...work });
    if (worked === undefined) throw new Error('There is no such group');
    this.after = worked.after;
    return worked;
  }

  /** What one worker is given; its token is its name. */
  async take(limit: number, token: string, take: Partial<Take> = {}) {
    const takes = [{ clientId: token, limit, leaseMs: undefined, token, ...take }];
    const { taken } = await this.work({ found: await this.find(), takes });
    return taken[0] ?? [];
  }

  async takeIds(limit: number, token: string, take: Partial<Take> = {}): Promise<number[]> {
    return (await this.take(limit, token, take)).map(({ id }) => id);
  }

  async settle(...settle: Settlement[]): Promise<readonly boolean[]> {
    return (await this.work({ settle })).settled;
  }

  acknowledge(token: string, ...ids: number[]): Promise<readonly boolean[]> {
    return this.settle(...ids.map((id): Settlement => ({ kind: 'acknowledge', id, token })));
  }

  reject(token: string, ...ids: number[]): Promise<GroupWorked> {
    return this.work({ settle: ids.map((id): Settlement => ({ kind: 'reject', id, token, reason: 'bad' })) });
  }

  /** Makes dead letters of events, whose ids in their channel are 100 more. */
  async bury(token: string, ...ids: number[]): Promise<void> {
    await this.reject(token, ...ids);
    await this.groups.bury(
      this.scope,
      ids.map((id) => ({ id, deadLetterId: 100 + id })),
    );
  }

  /** Resolves once something is due, or a lease has ended. */
  async untilDue(): Promise<void> {
    for (;;) {
      const { dueInMs } = await this.work({});
      if (dueInMs === 0) return;
      await delay(dueInMs ?? 1);
    }
  }

  async state(): Promise<GroupState> {
    const states = await this.groups.list(this.scope.channel);
    const found = states.find(
      ({ scope }) => scope.group === this.scope.group && scope.type === this.scope.type,
    );
    if (found === undefined) throw new Error('There is no such group');
    return found;
  }
}

/** Registers the tests of what an engine does for groups, one rule after the other. */
export function describeGroupStorage(open: () => Promise<StorageUnderTest>): void {
  const openGroup = async (given: Partial<GroupSettings> = {}, type?: string) => {
    const { storage, told } = await open();
    const channel = newChannel();
    const scope = { channel, type, group: 'group:1' };
    const group = new Group(storage, scope, given.order);
    const settings = { ...DEFAULT_GROUP_SETTINGS, leaseMs: NEVER_MS, backoffMs: [NEVER_MS], ...given };
    expect(await group.groups.save(scope, settings, { after: 0, changes: false })).toEqual({
      isNew: true,
      settings,
    });
    await storage.subscriptions?.subscribe(channel);
    const released = `released ${type ?? ''} ${scope.group}`;
    const releases = () => told.filter(([what, of]) => what === released && of === channel).length;
    return { group, settings, releases };
  };

  it('creates a group once, and changes all of it but its order', async () => {
    const { group, settings } = await openGroup({ order: 'data.user' });
    const { groups, scope } = group;
    const changed: GroupSettings = {
      leaseMs: 1_000,
      maxDeliveries: 3,
      backoffMs: [1, 2, 3],
      maxPending: 7,
      order: 'data.user',
      deadLetters: 'größe:dead',
    };
    const save = (to: GroupSettings, changes: boolean) => groups.save(scope, to, { after: 99, changes });
    expect(await save(changed, false)).toEqual({ isNew: false, settings });
    expect(await save(changed, true)).toEqual({ isNew: false, settings: changed });
    expect(await save({ ...changed, order: undefined, leaseMs: 5 }, true)).toEqual({
      isNew: false,
      settings: changed,
    });
    expect(await group.state()).toMatchObject({ scope, settings: changed, after: 0 });
  });

  it('creates a group that begins no later than at the end of the channel', async () => {
    const { group } = await openGroup();
    const { groups, scope } = group;
    await group.append(3);
    const starts: number[] = [];
    for (const after of [0, 2, 3, 4, 1_000]) {
      const other = { ...scope, group: `behind ${after}` };
      await groups.save(other, DEFAULT_GROUP_SETTINGS, { after, changes: false });
      const states = await groups.list(scope.channel);
      starts.push(states.find((state) => state.scope.group === other.group)?.after ?? -1);
    }
    expect(starts).toEqual([0, 2, 3, 3, 3]);
    const empty = { ...scope, channel: newChannel() };
    await groups.save(empty, DEFAULT_GROUP_SETTINGS, { after: 7, changes: false });
    expect(await groups.list(empty.channel)).toMatchObject([{ after: 0 }]);
  });

  it('knows nothing of a group that there is not', async () => {
    const { group } = await openGroup();
    const { groups } = group;
    const scope = { ...group.scope, group: 'other' };
    expect(await groups.work(scope, { settle: [], found: undefined, takes: [] })).toBeUndefined();
    expect(await groups.redrive(scope, { ids: undefined, limit: 1 })).toBeUndefined();
    await groups.bury(scope, [{ id: 1, deadLetterId: 1 }]);
    expect(await groups.delete(scope)).toBe(false);
    expect((await groups.list(group.scope.channel)).map((state) => state.scope.group)).toEqual(['group:1']);
    expect(await groups.list(newChannel())).toEqual([]);
  });

  it('hands out each event once, to whoever is first', async () => {
    const { group } = await openGroup();
    await group.append(7);
    const found = await group.find();
    const takes = [3, 2, 9].map((limit, i) => ({
      clientId: `worker ${i}`,
      limit,
      leaseMs: i === 1 ? 50_000 : undefined,
      token: `token ${i}`,
    }));
    const worked = await group.work({ found, takes });
    const delivery = { count: 1, leaseMs: NEVER_MS, deadLetterId: undefined };
    expect(worked.taken).toEqual([
      [1, 2, 3].map((id) => ({ id, ...delivery })),
      [4, 5].map((id) => ({ id, ...delivery, leaseMs: 50_000 })),
      [6, 7].map((id) => ({ id, ...delivery })),
    ]);
    expect(worked).toMatchObject({ after: 7, settled: [], dying: [], isFoundCurrent: true, isFull: false });
    expect(worked.dueInMs).toBeGreaterThan(0);
    expect(worked.dueInMs).toBeLessThanOrEqual(50_000);
    // As another process that has not heard of it.
    const again = await group.work({ found, takes });
    expect(again.taken).toEqual([[], [], []]);
    expect(again.after).toBe(7);
  });

  it('goes on in the middle of what was found, and looks at nothing that it cannot judge', async () => {
    const { group } = await openGroup();
    await group.append(6);
    const found = await group.find();
    const take = (limit: number) => [{ clientId: 'c', limit, leaseMs: undefined, token: 't' }];
    const ids = ({ taken }: GroupWorked) => taken.flat().map(({ id }) => id);
    expect(ids(await group.work({ found, takes: take(2) }))).toEqual([1, 2]);
    expect(ids(await group.work({ found, takes: take(2) }))).toEqual([3, 4]);
    for (const change of [{ epoch: '1-1-other-0-0' }, { order: 'data.user' }, { from: 5 }]) {
      const worked = await group.work({ found: { ...found, ...change }, takes: take(9) });
      expect(worked).toMatchObject({ isFoundCurrent: false, after: 4, taken: [[]] });
    }
    expect(ids(await group.work({ found, takes: take(9) }))).toEqual([5, 6]);
    expect(await group.work({ takes: take(9) })).toMatchObject({ isFoundCurrent: false, taken: [[]] });
  });

  it('counts what was dropped before it was delivered', async () => {
    const { group } = await openGroup();
    const { groups, storage, scope } = group;
    const typed = new Group(storage, { ...scope, type: 'add' }, undefined);
    await groups.save(typed.scope, (await group.state()).settings, { after: 0, changes: false });
    await group.append(10);
    expect(await group.takeIds(2, 'a')).toEqual([1, 2]);
    const { signal } = new AbortController();
    await storage.channels.trim(scope.channel, { maxEvents: 3, maxAgeMs: 0, now: Date.now() }, signal);
    expect(await group.takeIds(1, 'b')).toEqual([8]);
    expect(await typed.takeIds(1, 'b')).toEqual([8]);
    await storage.channels.trim(scope.channel, { maxEvents: 1, maxAgeMs: 0, now: Date.now() }, signal);
    expect(await group.takeIds(5, 'c')).toEqual([10]);
    expect(await group.state()).toMatchObject({ missed: 6, after: 10 });
    // Which ids have its type is not known.
    expect(await typed.state()).toMatchObject({ missed: 0 });
  });

  it('is done with what is acknowledged, once, by its latest delivery', async () => {
    const { group } = await openGroup();
    await group.append(3);
    await group.take(3, 'a');
    expect(await group.acknowledge('b', 1)).toEqual([false]);
    expect(await group.acknowledge('', 1)).toEqual([false]);
    expect(await group.acknowledge('a', 1, 99, 1, 3)).toEqual([true, false, false, true]);
    expect(await group.state()).toMatchObject({ pending: 1, workers: [{ clientId: 'a', pending: 1 }] });
    expect(await group.acknowledge('a', 2)).toEqual([true]);
    expect(await group.state()).toMatchObject({ pending: 0, workers: [], oldestPendingAt: undefined });
    expect((await group.work({})).dueInMs).toBeUndefined();
  });

  it('settles before it hands out', async () => {
    const { group } = await openGroup({ maxPending: 2 });
    await group.append(4);
    expect(await group.takeIds(9, 'a')).toEqual([1, 2]);
    const worked = await group.work({
      settle: [
        { kind: 'acknowledge', id: 1, token: 'a' },
        { kind: 'release', id: 2, token: 'a', uncounted: true },
      ],
      found: await group.find(),
      takes: [{ clientId: 'b', limit: 9, leaseMs: undefined, token: 'b' }],
    });
    expect(worked.settled).toEqual([true, true]);
    expect(worked.taken).toMatchObject([
      [
        { id: 2, count: 1 },
        { id: 3, count: 1 },
      ],
    ]);
    expect(worked).toMatchObject({ after: 3, isFull: true });
  });

  it('lets an event that is released wait for the next step of the back-off', async () => {
    const steps = [
      [1, 20_000],
      [2, 40_000],
      [3, 40_000],
    ] as const;
    for (const [count, stepMs] of steps) {
      const { group } = await openGroup({ backoffMs: [20_000, 40_000] });
      await group.append(1);
      for (let i = 1; i < count; i++) {
        await group.take(1, 'early');
        await group.settle({ kind: 'release', id: 1, token: 'early', delayMs: 0 });
      }
      expect(await group.take(1, 'a')).toMatchObject([{ id: 1, count }]);
      const { settled, dueInMs = 0 } = await group.work({ settle: [{ kind: 'release', id: 1, token: 'a' }] });
      expect(settled).toEqual([true]);
      expect(dueInMs).toBeGreaterThan(stepMs - 10_000);
      expect(dueInMs).toBeLessThanOrEqual(stepMs);
      expect(await group.takeIds(1, 'b')).toEqual([]);
      // Nothing that is said of that delivery holds any more.
      for (const kind of ['acknowledge', 'release', 'extend', 'missed'] as const) {
        expect(await group.settle({ kind, id: 1, token: 'a' })).toEqual([false]);
      }
      expect((await group.reject('a', 1)).settled).toEqual([false]);
      expect(await group.acknowledge('', 1), 'nor anything without one').toEqual([false]);
      expect(await group.state()).toMatchObject({ pending: 1, redelivered: count - 1, workers: [] });
    }
  });

  it('lets an event wait for as long as its worker says', async () => {
    const { group } = await openGroup();
    await group.append(2);
    await group.take(2, 'a');
    expect(await group.settle({ kind: 'release', id: 2, token: 'a', delayMs: 0 })).toEqual([true]);
    expect(await group.take(2, 'b')).toMatchObject([{ id: 2, count: 2 }]);
    const { workers } = await group.state();
    expect([...workers].sort((a, b) => (a.clientId < b.clientId ? -1 : 1))).toEqual([
      { clientId: 'a', pending: 1 },
      { clientId: 'b', pending: 1 },
    ]);
    const { dueInMs = 0 } = await group.work({
      settle: [{ kind: 'release', id: 1, token: 'a', delayMs: 30_000, reason: 'busy' }],
    });
    expect(dueInMs).toBeGreaterThan(20_000);
    expect(dueInMs).toBeLessThanOrEqual(30_000);
  });

  it('takes back a delivery that is released uncounted, however often', async () => {
    const { group } = await openGroup({ maxDeliveries: 1 });
    await group.append(2);
    for (const token of ['a', 'b', 'c']) {
      expect(await group.take(2, token)).toMatchObject([
        { id: 1, count: 1 },
        { id: 2, count: 1 },
      ]);
      const release = (id: number): Settlement => ({ kind: 'release', id, token, uncounted: true });
      expect(await group.settle(release(1), release(2), release(1))).toEqual([true, true, false]);
    }
    expect(await group.state()).toMatchObject({ pending: 2, redelivered: 0, workers: [] });
  });

  it('hands out again what nobody has settled, once its lease and its back-off are over', async () => {
    const { group } = await openGroup({ backoffMs: [1] });
    await group.append(2);
    expect(await group.takeIds(1, 'a', { leaseMs: 1 })).toEqual([1]);
    await group.untilDue();
    // It may take the step that notices the end, and one after the back-off.
    await expect.poll(() => group.takeIds(1, 'b')).toContain(1);
    expect(await group.acknowledge('a', 1), 'it is another worker’s').toEqual([false]);
    expect(await group.state()).toMatchObject({ redelivered: 1, pending: expect.any(Number) });
    expect(await group.acknowledge('b', 1)).toEqual([true]);
  });

  it('believes a worker that is late as long as nobody else has the event', async () => {
    const { group } = await openGroup();
    await group.append(5);
    await group.take(5, 'a', { leaseMs: 1 });
    await group.untilDue();
    expect(
      await group.settle(
        { kind: 'release', id: 1, token: 'a' },
        { kind: 'release', id: 1, token: 'a', uncounted: true },
        { kind: 'extend', id: 1, token: 'a' },
        { kind: 'acknowledge', id: 2, token: 'a' },
        { kind: 'missed', id: 3, token: 'a' },
      ),
    ).toEqual([false, false, false, true, true]);
    // Now their ends are noticed.
    expect(await group.takeIds(5, 'b')).toEqual([]);
    expect(
      await group.settle(
        { kind: 'release', id: 1, token: 'a' },
        { kind: 'extend', id: 1, token: 'a' },
        { kind: 'acknowledge', id: 1, token: 'a' },
      ),
    ).toEqual([false, false, true]);
    expect((await group.reject('a', 4)).dying).toMatchObject([
      // Its delivery ended once.
      { id: 4, reason: 'bad', deliveries: [{ clientId: 'a', outcome: 'rejected', reason: 'bad' }] },
    ]);
    expect(await group.state()).toMatchObject({ pending: 2, missed: 1, workers: [] });
  });

  it('extends a lease from now on', async () => {
    const { group } = await openGroup({ leaseMs: 50_000 });
    await group.append(1);
    await group.take(1, 'a', { leaseMs: 20_000 });
    expect((await group.work({})).dueInMs).toBeLessThanOrEqual(20_000);
    expect(await group.settle({ kind: 'extend', id: 1, token: 'b', leaseMs: 99_000 })).toEqual([false]);
    expect(await group.settle({ kind: 'extend', id: 1, token: 'a' })).toEqual([true]);
    expect((await group.work({})).dueInMs).toBeGreaterThan(40_000);
    expect(await group.settle({ kind: 'extend', id: 1, token: 'a', leaseMs: 90_000 })).toEqual([true]);
    expect((await group.work({})).dueInMs).toBeGreaterThan(80_000);
    expect(await group.settle({ kind: 'extend', id: 1, token: 'a', leaseMs: 1 })).toEqual([true]);
    await group.untilDue();
    expect(await group.settle({ kind: 'extend', id: 1, token: 'a' })).toEqual([false]);
  });

  it('tells one caller what is dying: rejected, released, or its lease ended, too often', async () => {
    const { group } = await openGroup({ maxDeliveries: 2, backoffMs: [0] });
    const from = Date.now() - 1_000;
    await group.append(3);
    await group.take(3, 'a');
    const first = await group.work({
      settle: [
        { kind: 'reject', id: 1, token: 'a', reason: 'never' },
        { kind: 'release', id: 2, token: 'a', delayMs: 0 },
        { kind: 'release', id: 3, token: 'a', delayMs: 0 },
      ],
    });
    const dead = {
      deadLetterId: undefined,
      firstDeliveredAt: expect.any(Number),
      endedAt: expect.any(Number),
      deliveries: expect.any(Array),
    };
    expect(first.dying).toEqual([{ ...dead, id: 1, count: 1, reason: 'never', clientId: 'a' }]);
    expect(await group.takeIds(1, 'b')).toEqual([2]);
    expect(await group.takeIds(1, 'c', { leaseMs: 1 })).toEqual([3]);
    const second = await group.work({ settle: [{ kind: 'release', id: 2, token: 'b', reason: 'worn' }] });
    expect(second.dying).toEqual([{ ...dead, id: 2, count: 2, reason: 'worn', clientId: 'b' }]);
    await group.untilDue();
    const third = await group.work({ takes: [{ clientId: 'd', limit: 1, leaseMs: undefined, token: 'd' }] });
    expect(third.dying).toEqual([{ ...dead, id: 3, count: 2, reason: LEASE_ENDED, clientId: 'c' }]);
    expect(third.taken).toEqual([[]]);
    for (const { firstDeliveredAt, endedAt } of [...first.dying, ...second.dying, ...third.dying]) {
      expect(firstDeliveredAt).toBeGreaterThan(from);
      expect(endedAt).toBeGreaterThanOrEqual(firstDeliveredAt);
      expect(endedAt).toBeLessThan(Date.now() + 1_000);
    }
    // Others are told once this caller has had its time.
    const { dying, dueInMs } = await group.work({});
    expect(dying).toEqual([]);
    expect(dueInMs).toBeGreaterThan(0);
    expect(dueInMs).toBeLessThanOrEqual(BURIAL_MS);
    expect(await group.acknowledge('a', 1)).toEqual([false]);
    expect(await group.acknowledge('c', 3)).toEqual([false]);
    expect(await group.state()).toMatchObject({ pending: 3, deadLetters: 0 });
  });

  it('tells of what is dying how its deliveries ended, but those that were taken back', async () => {
    const { group } = await openGroup({ backoffMs: [0] });
    await group.append(1);
    const release: Settlement = {
      kind: 'release',
      id: 1,
      token: 'first',
      delayMs: 0,
      reason: 'größe\n"b"\0',
    };
    await group.take(1, 'first');
    await group.settle(release);
    await group.take(1, 'taken back');
    await group.settle({ kind: 'release', id: 1, token: 'taken back', uncounted: true });
    await group.take(1, 'silent');
    await group.settle({ kind: 'release', id: 1, token: 'silent', delayMs: 0 });
    await group.take(1, 'slow', { leaseMs: 1 });
    await group.untilDue();
    // It may take the step that notices the end, and one after the back-off.
    await expect.poll(() => group.takeIds(1, 'größe')).toEqual([1]);
    const [dead, ...others] = (await group.reject('größe', 1)).dying;
    expect(others).toEqual([]);
    const times = { deliveredAt: expect.any(Number), endedAt: expect.any(Number) };
    expect(dead?.deliveries).toEqual([
      { ...times, clientId: 'first', outcome: 'released', reason: 'größe\n"b"\0' },
      { ...times, clientId: 'silent', outcome: 'released' },
      { ...times, clientId: 'slow', outcome: 'lease-ended' },
      { ...times, clientId: 'größe', outcome: 'rejected', reason: 'bad' },
    ]);
    const all = dead?.deliveries?.flatMap(({ deliveredAt = 0, endedAt }) => [deliveredAt, endedAt]) ?? [];
    expect(all).toEqual([...all].sort((a, b) => a - b));
    expect([all.at(0), all.at(-1)]).toEqual([dead?.firstDeliveredAt, dead?.endedAt]);
  });

  it(`keeps ${MAX_KEPT_DELIVERIES} deliveries of an event, of each ${MAX_KEPT_REASON} bytes of the reason`, async () => {
    const { group } = await openGroup({ maxDeliveries: 12 });
    await group.append(1);
    const reason = 'ü'.repeat(MAX_KEPT_REASON);
    let dying: GroupWorked['dying'] = [];
    for (const n of upTo(12)) {
      const token = `${n}`;
      expect(await group.takeIds(1, token)).toEqual([1]);
      // So that it ends in the middle of a character, or not.
      const settle: Settlement[] = [{ kind: 'release', id: 1, token, delayMs: 0, reason: `${n}${reason}` }];
      ({ dying } = await group.work({ settle }));
    }
    expect(dying).toMatchObject([{ id: 1, count: 12, reason: `12${reason}` }]);
    const kept = dying[0]?.deliveries ?? [];
    expect(kept.map(({ clientId }) => clientId)).toEqual(upTo(12, 3).map(String));
    const bytes = kept.map((delivery) => Buffer.byteLength(delivery.reason ?? ''));
    expect(bytes).toEqual([...Array(7).fill(MAX_KEPT_REASON - 1), ...Array(3).fill(MAX_KEPT_REASON)]);
    for (const each of kept) expect(`${each.clientId}${reason}`).toContain(each.reason);
  });

  it('tells when the last lease of what is dying ended, however late that is noticed', async () => {
    const { group } = await openGroup({ maxDeliveries: 1 });
    await group.append(1);
    await group.take(1, 'a', { leaseMs: 5 });
    await group.untilDue();
    await delay(100);
    const { dying } = await group.work({
      takes: [{ clientId: 'b', limit: 1, leaseMs: undefined, token: 'b' }],
    });
    const [{ firstDeliveredAt = 0, endedAt = 0 } = {}] = dying;
    // Both are of the clocks of one step.
    expect(Math.abs(endedAt - firstDeliveredAt - 5)).toBeLessThan(50);
  });

  it('tells many that are dying in several steps', async () => {
    const { group } = await openGroup();
    const all = MAX_DYING + 10;
    await group.append(all);
    await group.take(all, 'a');
    const { dying } = await group.reject('a', ...upTo(all));
    const { dying: others } = await group.work({});
    expect([dying.length, others.length]).toEqual([MAX_DYING, 10]);
    expect([...dying, ...others].map(({ id }) => id).sort((a, b) => a - b)).toEqual(upTo(all));
  });

  it('is done with what is buried', async () => {
    const { group } = await openGroup();
    await group.append(4);
    await group.take(4, 'a');
    await group.reject('a', 1, 2);
    await group.groups.bury(group.scope, [
      { id: 1, deadLetterId: 7 },
      { id: 2, deadLetterId: undefined },
      { id: 3, deadLetterId: 8 },
      { id: 99, deadLetterId: 9 },
    ]);
    expect(await group.state()).toMatchObject({ pending: 2, deadLetters: 2 });
    await group.groups.bury(group.scope, [{ id: 1, deadLetterId: 7 }]);
    expect(await group.acknowledge('a', 3)).toEqual([true]);
    expect(await group.state()).toMatchObject({ pending: 1, deadLetters: 2 });
  });

  it('hands out dead letters again, as if they had not been delivered yet', async () => {
    const { group } = await openGroup({ maxDeliveries: 1 });
    await group.append(6);
    await group.take(6, 'a');
    await group.bury('a', 3);
    await group.bury('a', 1, 2);
    await group.bury('a', 4);
    await group.acknowledge('a', 5, 6);
    const { groups, scope } = group;
    expect(await groups.redrive(scope, { ids: [4, 6, 99, 2, 2], limit: 9 })).toEqual([2, 4]);
    expect(await groups.redrive(scope, { ids: [2, 4], limit: 9 }), 'they are out').toEqual([]);
    expect(await group.state()).toMatchObject({ pending: 2, deadLetters: 2 });
    expect(await group.take(9, 'b')).toMatchObject([
      { id: 2, count: 1, deadLetterId: 102 },
      { id: 4, count: 1, deadLetterId: 104 },
    ]);
    const { dying } = await group.reject('b', 2);
    expect(dying).toMatchObject([
      { id: 2, count: 1, deadLetterId: 102, deliveries: [{ clientId: 'b', outcome: 'rejected' }] },
    ]);
    await groups.bury(scope, [{ id: 2, deadLetterId: 102 }]);
    expect(await group.state(), 'of its turn before').toMatchObject({ deadLetters: 2, pending: 2 });
    await groups.bury(scope, [{ id: 2, deadLetterId: 202 }]);
    expect(await group.state()).toMatchObject({ deadLetters: 3, pending: 1 });
    expect(await groups.redrive(scope, { ids: [1, 2, 3], limit: 2 })).toEqual([1, 2]);
    expect(await groups.redrive(scope, { ids: undefined, limit: 9 })).toEqual([3]);
    expect(await group.state()).toMatchObject({ deadLetters: 0, pending: 4 });
    expect(await groups.redrive(scope, { ids: undefined, limit: 9 })).toEqual([]);
  });

  it('redrives those first that died first', async () => {
    const { group } = await openGroup();
    await group.append(3);
    await group.take(3, 'a');
    for (const id of [3, 1, 2]) {
      await group.bury('a', id);
      // No two end in one millisecond.
      await delay(2);
    }
    expect(await group.groups.redrive(group.scope, { ids: undefined, limit: 2 })).toEqual([1, 3]);
  });

  it('has one event of each value out, in order', async () => {
    const { group } = await openGroup({ order: 'data.user' });
    group.valueOf = (id) => ['', '=a', '=b'][id % 3] as string;
    await group.append(9);
    // Of =a 1, 4, 7; of =b 2, 5, 8; the others have none.
    expect(await group.takeIds(9, 'a')).toEqual([1, 2, 3, 6, 9]);
    expect(await group.state()).toMatchObject({ after: 9, pending: 5, heldBack: 4 });
    expect(await group.takeIds(9, 'b')).toEqual([]);
    await group.acknowledge('a', 2);
    expect(await group.takeIds(9, 'c')).toEqual([5]);
    await group.settle({ kind: 'release', id: 1, token: 'a', delayMs: 0 });
    expect(await group.take(9, 'd'), 'across retries').toMatchObject([{ id: 1, count: 2 }]);
    await group.acknowledge('d', 1);
    expect(await group.take(9, 'e')).toMatchObject([{ id: 4, count: 1 }]);
    await group.reject('e', 4);
    expect(await group.takeIds(9, 'f'), 'its dead letter is not written yet').toEqual([]);
    await group.groups.bury(group.scope, [{ id: 4, deadLetterId: 1 }]);
    expect(await group.takeIds(9, 'g')).toEqual([7]);
    await group.settle({ kind: 'missed', id: 5, token: 'c' });
    expect(await group.takeIds(9, 'h')).toEqual([8]);
    await group.append(3);
    expect(await group.takeIds(9, 'i')).toEqual([12]);
    expect(await group.state()).toMatchObject({ after: 12, heldBack: 2, pending: 6 });
    await group.acknowledge('g', 7);
    await group.acknowledge('h', 8);
    expect(await group.takeIds(9, 'j')).toEqual([10, 11]);
    await group.acknowledge('j', 10, 11);
    await group.append(2);
    expect(await group.takeIds(9, 'k'), 'values that are free').toEqual([13, 14]);
  });

  it('gives the next event of a value to whoever settles the one before', async () => {
    const { group } = await openGroup({ order: 'data.user' });
    group.valueOf = () => '=a';
    await group.append(3);
    expect(await group.takeIds(1, 'a')).toEqual([1]);
    expect(await group.takeIds(1, 'b')).toEqual([]);
    for (const [id, token] of [
      [1, 'a'],
      [2, 'c'],
    ] as const) {
      const { taken } = await group.work({
        settle: [{ kind: 'acknowledge', id, token }],
        takes: [{ clientId: 'c', limit: 9, leaseMs: undefined, token: 'c' }],
      });
      expect(taken).toMatchObject([[{ id: id + 1 }]]);
    }
  });

  it('puts a dead letter that is handed out again before those that its value holds back', async () => {
    const { group } = await openGroup({ order: 'data.user' });
    group.valueOf = () => '=a';
    const { groups, scope } = group;
    await group.append(5);
    for (const [id, token] of [
      [1, 'a'],
      [2, 'b'],
    ] as const) {
      expect(await group.takeIds(1, token)).toEqual([id]);
      await group.bury(token, id);
    }
    expect(await group.takeIds(9, 'c')).toEqual([3]);
    expect(await groups.redrive(scope, { ids: undefined, limit: 9 })).toEqual([1, 2]);
    expect(await group.state()).toMatchObject({ pending: 1, heldBack: 4, deadLetters: 0 });
    let token = 'c';
    for (const [last, next] of [
      [3, 1],
      [1, 2],
      [2, 4],
      [4, 5],
    ] as const) {
      await group.acknowledge(token, last);
      token = `after ${last}`;
      expect(await group.takeIds(9, token)).toEqual([next]);
    }
    await group.bury(token, 5);
    expect(await groups.redrive(scope, { ids: [5], limit: 9 })).toEqual([5]);
    expect(await group.takeIds(9, 'x'), 'its value is free').toEqual([5]);
    await group.append(1);
    expect(await group.takeIds(9, 'y'), 'and taken again').toEqual([]);
    expect(await group.state()).toMatchObject({ pending: 1, heldBack: 1 });
  });

  it('does not read ahead if all events have one value', async () => {
    const { group, releases } = await openGroup({ order: '*' });
    await group.append(3);
    expect(await group.takeIds(9, 'a')).toEqual([1]);
    expect(await group.takeIds(9, 'b')).toEqual([]);
    expect(await group.state()).toMatchObject({ after: 1, pending: 1, heldBack: 0 });
    const before = releases();
    await group.acknowledge('a', 1);
    await expect.poll(releases).toBeGreaterThan(before);
    expect(await group.takeIds(9, 'c')).toEqual([2]);
    await group.bury('c', 2);
    expect(await group.takeIds(9, 'd')).toEqual([3]);
    expect(await group.groups.redrive(group.scope, { ids: [2], limit: 1 })).toEqual([2]);
    expect(await group.takeIds(9, 'e')).toEqual([]);
    await group.acknowledge('d', 3);
    expect(await group.takeIds(9, 'f')).toEqual([2]);
  });

  it('has no more out than it may, and says so', async () => {
    const { group, releases } = await openGroup({ maxPending: 3 });
    await group.append(9);
    const found = await group.find();
    const takes = [{ clientId: 'a', limit: 9, leaseMs: undefined, token: 'a' }];
    expect(await group.work({ found, takes })).toMatchObject({ after: 3, isFull: true });
    expect(await group.state()).toMatchObject({ pending: 3, isFull: true });
    await group.settle({ kind: 'release', id: 2, token: 'a', delayMs: 0 });
    expect(await group.takeIds(9, 'b'), 'what is out already').toEqual([2]);
    const before = releases();
    await group.acknowledge('a', 1, 3);
    await expect.poll(releases, { message: 'others may go on' }).toBeGreaterThan(before);
    expect(await group.takeIds(9, 'c')).toEqual([4, 5]);
    const { settings } = await group.state();
    await group.groups.save(group.scope, { ...settings, maxPending: 4 }, { after: 0, changes: true });
    expect(await group.takeIds(9, 'd')).toEqual([6]);
  });

  it(`holds ${MAX_HELD_BACK} events back, and then reads no further`, async () => {
    const { group } = await openGroup({ order: 'data.user' });
    group.valueOf = (id) => (id <= MAX_HELD_BACK + 2 ? '=poison' : '=other');
    for (let i = 0; i < 11; i++) await group.append(1_000);
    for (let i = 0; i < 11; i++) await group.takeIds(1_000, `token ${i}`);
    const state = { after: MAX_HELD_BACK + 1, pending: 1, heldBack: MAX_HELD_BACK, isFull: true };
    expect(await group.state()).toMatchObject(state);
    await group.acknowledge('token 0', 1);
    expect(await group.takeIds(1_000, 'next')).toEqual([2]);
    expect(await group.state()).toMatchObject({ ...state, after: MAX_HELD_BACK + 2 });
  }, 60_000);

  it('notices the ends of many leases step by step', async () => {
    const all = MAX_ENDED + 50;
    const { group } = await openGroup({ maxPending: 10_000 });
    await group.append(all);
    for (let i = 0; i < all; i += 350) await group.takeIds(350, `token ${i}`, { leaseMs: 1 });
    expect((await group.state()).pending).toBe(all);
    await group.untilDue();
    const takes = [{ clientId: 'x', limit: 1, leaseMs: undefined, token: 'x' }];
    let worked = await group.work({ takes });
    for (let i = 0; i < 100 && worked.dueInMs === 0; i++) worked = await group.work({ takes });
    expect(worked.dueInMs).toBeGreaterThan(0);
    expect(worked.taken).toEqual([[]]);
    expect(await group.state()).toMatchObject({ pending: all, workers: [] });
  });

  it('tells those who wait what is due before its time, and nothing else', async () => {
    const { group, releases } = await openGroup({ order: 'data.user' });
    group.valueOf = (id) => (id <= 2 ? '=a' : '');
    await group.append(4);
    await group.take(9, 'a');
    await group.acknowledge('a', 3);
    await group.settle({ kind: 'extend', id: 4, token: 'a', leaseMs: 2 * NEVER_MS });
    const told = async (what: string, act: () => Promise<unknown>) => {
      const before = releases();
      await act();
      await expect.poll(releases, { message: what }).toBeGreaterThan(before);
    };
    // Notifications keep their order.
    const before = releases();
    await group.settle({ kind: 'release', id: 4, token: 'a', delayMs: 1_000 });
    await expect.poll(releases).toBe(before + 1);
    expect(before, 'what was settled before').toBe(0);

    await told('the next of its value', () => group.acknowledge('a', 1));
    await told('a redrive', async () => {
      await group.take(9, 'b');
      await group.bury('b', 2);
      await group.groups.redrive(group.scope, { ids: [2], limit: 1 });
    });
    await told('settings', async () => {
      const { settings } = await group.state();
      await group.groups.save(group.scope, { ...settings, maxPending: 5 }, { after: 0, changes: true });
    });
    await told('that it is deleted', () => group.groups.delete(group.scope));
  });

  it('tells of each group of a channel, and of its types, how it is', async () => {
    const { group } = await openGroup({ maxPending: 2 });
    const { groups, storage, scope } = group;
    const typed = new Group(storage, { ...scope, type: 'add', group: 'größe' }, undefined);
    const from = Date.now() - 1_000;
    await group.append(5);
    await groups.save(typed.scope, DEFAULT_GROUP_SETTINGS, { after: 3, changes: true });
    const other = { ...scope, channel: `${scope.channel}/other` };
    await groups.save(other, DEFAULT_GROUP_SETTINGS, { after: 0, changes: true });
    await group.take(1, 'a');
    const before = Date.now() + 1_000;
    await group.take(1, 'b');
    const states = await groups.list(scope.channel);
    expect(states.map((state) => [state.scope.type, state.scope.group]).sort()).toEqual(
      [
        [undefined, 'group:1'],
        ['add', 'größe'],
      ].sort(),
    );
    expect(await typed.state()).toEqual({
      scope: typed.scope,
      settings: DEFAULT_GROUP_SETTINGS,
      after: 3,
      pending: 0,
      heldBack: 0,
      redelivered: 0,
      deadLetters: 0,
      missed: 0,
      oldestPendingAt: undefined,
      isFull: false,
      workers: [],
      createdAt: expect.any(Number),
    });
    const { workers, createdAt, oldestPendingAt = 0, ...state } = await group.state();
    expect(state).toMatchObject({ pending: 2, isFull: true, after: 2 });
    expect([...workers].sort((a, b) => (a.clientId < b.clientId ? -1 : 1))).toEqual([
      { clientId: 'a', pending: 1 },
      { clientId: 'b', pending: 1 },
    ]);
    expect(createdAt).toBeGreaterThan(from);
    expect(oldestPendingAt).toBeGreaterThan(from);
    expect(oldestPendingAt).toBeLessThan(before);
    const { oldestPendingAt: oldest } = await group.state();
    await group.acknowledge('a', 1);
    expect((await group.state()).oldestPendingAt).toBeGreaterThanOrEqual(oldest ?? 0);
  });

  it('forgets all of a group that is deleted', async () => {
    const { group, settings } = await openGroup({ order: 'data.user' });
    const { groups, scope } = group;
    group.valueOf = () => '=a';
    await group.append(4);
    await group.take(9, 'a');
    await group.bury('a', 1);
    expect(await group.takeIds(9, 'b')).toEqual([2]);
    expect(await groups.delete(scope)).toBe(true);
    expect(await groups.delete(scope)).toBe(false);
    expect(await groups.list(scope.channel)).toEqual([]);
    expect(await groups.work(scope, { settle: [], found: undefined, takes: [] })).toBeUndefined();
    await groups.save(scope, settings, { after: 2, changes: false });
    group.after = 2;
    const fresh = { pending: 0, heldBack: 0, deadLetters: 0, redelivered: 0, workers: [], after: 2 };
    expect(await group.state()).toMatchObject(fresh);
    expect(await group.acknowledge('b', 2)).toEqual([false]);
    expect(await groups.redrive(scope, { ids: [1], limit: 1 })).toEqual([]);
    expect(await group.takeIds(9, 'c'), 'the value is free').toEqual([3]);
  });

  it('gives each event to one of many that ask at once', async () => {
    const { group } = await openGroup();
    await group.append(200);
    const found = await group.find();
    const tokens = upTo(50).map((n) => `token ${n}`);
    const all = await Promise.all(
      tokens.map((token) =>
        group.work({ found, takes: [{ clientId: token, limit: 3, leaseMs: undefined, token }] }),
      ),
    );
    const ids = all.flatMap(({ taken }) => taken.flat().map(({ id }) => id));
    expect(ids.sort((a, b) => a - b)).toEqual(upTo(150));
    const settled = await Promise.all(
      tokens.map((token, i) => group.acknowledge(token, ...(all[i]?.taken.flat() ?? []).map(({ id }) => id))),
    );
    expect(settled.flat()).toEqual(Array(150).fill(true));
    expect(await group.state()).toMatchObject({ pending: 0, after: 150 });
  });

  it('reads events by their ids', async () => {
    const { group } = await openGroup();
    const { storage, scope } = group;
    await group.append(5);
    const { signal } = new AbortController();
    await storage.channels.trim(scope.channel, { maxEvents: 3, maxAgeMs: 0, now: Date.now() }, signal);
    const idsOf = (texts: readonly (Buffer | undefined)[] = []) =>
      texts.map((text) => text && (JSON.parse(text.toString()) as { id: number }).id);
    expect(idsOf(await storage.eventsById(scope.channel, [5, 1, 3, 2, 6, 4]))).toEqual([
      5,
      undefined,
      3,
      undefined,
      undefined,
      4,
    ]);
    expect(await storage.eventsById(scope.channel, [])).toEqual([]);
    expect(await storage.eventsById(newChannel(), [1])).toEqual([undefined]);
  });
}
