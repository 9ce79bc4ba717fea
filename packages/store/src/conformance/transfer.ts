import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedCursor } from '../consumers/saved-cursor.js';
import { Epochs } from '../events/epochs.js';
import { eventText, headerOf } from '../events/event-text.js';
import { DEFAULT_GROUP_SETTINGS } from '../groups/group-settings.js';
import type { GroupScope, Settlement } from '../groups/group-storage.js';
import type { Append, Scan, Storage } from '../storage.js';
import { importedEpochs } from '../transfer/imported-epochs.js';
import {
  type ImportedEvent,
  type ImportedPart,
  MAX_GAP,
  type TransferStorage,
} from '../transfer/transfer-storage.js';
import type { StorageUnderTest } from './group-storage.js';
import { newChannel, upTo } from './store-under-test.js';

/** When event 0 was appended elsewhere. */
const TIME = 1_429_084_002_258;
/** Longer than any test. */
const NEVER_MS = 3_600_000;

function imported(id: number, filed?: string, text = `"from":"elsewhere","type":"add","data":{"n":${id}}}`) {
  return { id, json: eventText(id, TIME + id, text), filed };
}

/** A part of a channel whose ids go up to `lastId`. */
function part(
  events: readonly ImportedEvent[],
  lastId = events.at(-1)?.id ?? 0,
  given: Partial<ImportedPart> = {},
): ImportedPart {
  const firstId = events[0]?.id ?? lastId + 1;
  const epochs = importedEpochs(Epochs.NONE, { firstId, lastId, term: 'import', now: TIME });
  return { after: firstId - 1, events, lastId, timestamp: TIME + lastId, epochs, ...given };
}

function append(channel: string, count: number): Append {
  const text = '"from":"test","type":"add"}';
  const events = Array.from({ length: count }, () => ({ text, type: 'add', filed: 'add' }));
  return { channel, events, bytes: count * text.length, maxEvents: 0, idempotency: undefined };
}

type Range = { readonly after: number } | { readonly before: number | undefined };

/** Registers the tests of how an engine takes what another one holds, if it does. */
export function describeTransfer(open: () => Promise<StorageUnderTest>): void {
  const openForTest = async () => {
    const { storage, told } = await open();
    const { transfer } = storage;
    if (transfer === undefined) throw new Error('The engine takes nothing');
    const channel = newChannel();
    return { storage, transfer, told, channel };
  };

  const idsOf = async (storage: Storage, channel: string, range: Range, limit = 100, type?: string) => {
    const scan: Scan = { channel, type, limit, ...range };
    return (await storage.scan(scan)).texts.map((text) => headerOf(text).id);
  };

  it('brings events with their ids, times and texts, and reads over the ids that none has', async () => {
    const { storage, transfer, channel, told } = await openForTest();
    await storage.subscriptions?.subscribe(channel);
    const events = [imported(5, 'add'), imported(6), imported(9, 'add'), imported(12, 'größe')];
    const [first, second] = [part(events.slice(0, 3), 9), part(events.slice(3), 15, { after: 9 })];
    expect(await transfer.importEvents(channel, first)).toEqual({ stored: 3, known: 0 });
    expect(await transfer.importEvents(channel, second)).toEqual({ stored: 1, known: 0 });
    await expect.poll(() => told.some(([what, of]) => what === 'missed' && of === channel)).toBe(true);

    const page = await storage.scan({ channel, type: undefined, after: 0, limit: 100 });
    expect(page.texts.map(String)).toEqual(events.map(({ json }) => json.toString()));
    expect(page).toMatchObject({ firstId: 5, lastId: 15 });
    expect(await storage.channels.ends([channel])).toMatchObject([
      { firstId: 5, lastId: 15, timestamp: TIME + 15, isDeleted: false },
    ]);
    expect(await storage.channels.list({ prefix: channel, after: '', limit: 9 })).toEqual([channel]);

    const all = [5, 6, 9, 12];
    for (let id = 0; id <= 17; id++) {
      const [above, below] = [all.filter((each) => each > id), all.filter((each) => each < id).reverse()];
      for (const limit of [1, 2, 100]) {
        expect(await idsOf(storage, channel, { after: id }, limit)).toEqual(above.slice(0, limit));
        expect(await idsOf(storage, channel, { before: id }, limit)).toEqual(below.slice(0, limit));
      }
    }
    expect(await idsOf(storage, channel, { before: undefined }, 2)).toEqual([12, 9]);
    expect(await idsOf(storage, channel, { after: 5 }, 9, 'add')).toEqual([9]);
    expect(await idsOf(storage, channel, { before: undefined }, 9, 'add')).toEqual([9, 5]);
    expect(await idsOf(storage, channel, { after: 0 }, 9, 'größe')).toEqual([12]);
    const found = await storage.eventsById(channel, [4, 5, 7, 12, 13, 15, 16]);
    expect(found.map((text) => text && headerOf(text).id)).toEqual([
      ...[undefined, 5, undefined, 12, undefined, undefined, undefined],
    ]);
    const cursors = upTo(17, 0).map((after) => ({ type: undefined, after }));
    expect(await storage.channels.unseen(channel, cursors)).toEqual(
      cursors.map(({ after }) => {
        const ahead = all.filter((id) => id > after);
        return { count: ahead.length, timestamp: ahead[0] && TIME + ahead[0] };
      }),
    );
    expect(await transfer.filedTypes(channel).between(0, 15)).toEqual(
      new Map([
        [5, 'add'],
        [9, 'add'],
        [12, 'größe'],
      ]),
    );
    expect(await transfer.filedTypes(channel).between(5, 9)).toEqual(new Map([[9, 'add']]));
    expect(await transfer.filedTypes(newChannel()).between(0, 15)).toEqual(new Map());
  });

  it('tells the types of events page by page, whether there are many of a type or many types', async () => {
    const { transfer, channel } = await openForTest();
    const typeOf = (id: number) => (id % 3 === 0 ? undefined : id % 3 === 1 ? 'often' : `type-${id % 250}`);
    const events = upTo(3_000, 1).map((id) => imported(id, typeOf(id)));
    for (let i = 0; i < events.length; i += 1_000) {
      await transfer.importEvents(channel, part(events.slice(i, i + 1_000)));
    }
    const filed = transfer.filedTypes(channel);
    const found = new Map<number, string>();
    for (const [after, to] of [
      ...[[0, 1] as const, [1, 700] as const, [1_000, 1_001] as const, [1_001, 1_001] as const],
      ...[[1_001, 2_999] as const, [2_999, 3_000] as const],
    ]) {
      for (const [id, type] of await filed.between(after, to)) found.set(id, type);
    }
    const expected = events.flatMap(({ id, filed: type }) =>
      type === undefined || (id > 700 && id <= 1_000) ? [] : [[id, type] as const],
    );
    expect([...found].sort(([a], [b]) => a - b)).toEqual(expected);
  });

  it('goes on counting behind the last id, in an epoch of its own', async () => {
    const { storage, transfer, channel } = await openForTest();
    const before = Epochs.NONE.begin({ term: 'other', firstId: 1, lastId: 0, now: TIME });
    const epochs = importedEpochs(before, { firstId: 1, lastId: 7, term: 'import', now: TIME });
    await transfer.importEvents(channel, part([imported(3), imported(4)], 7, { epochs }));
    expect(await storage.append(append(channel, 2))).toMatchObject({ kind: 'appended', firstId: 8 });
    const page = await storage.scan({ channel, type: undefined, after: 4, limit: 9 });
    expect(page.events.map(({ id }) => id)).toEqual([8, 9]);
    expect(page.events[0]?.timestamp).toBeGreaterThan(TIME + 7);
    const known = page.epochs as Epochs;
    expect(known.of(4)).toBe(before.current);
    expect(known.of(8)).toMatch(/^8-/);
    expect(known.commonWith(before.current, 3), 'who has seen more elsewhere goes back').toBe(7);
    expect(await storage.append(append(channel, 1))).toMatchObject({ firstId: 10 });
    const again = await storage.scan({ channel, type: undefined, after: 9, limit: 9 });
    expect(again.epochs?.current, 'and stays in it').toBe(known.current);
  });

  it('keeps the events that it has before those that it is brought', async () => {
    const { storage, transfer, channel } = await openForTest();
    await storage.append(append(channel, 3));
    await transfer.importEvents(channel, part([imported(6, 'add')]));
    expect(await idsOf(storage, channel, { after: 0 })).toEqual([1, 2, 3, 6]);
    expect(await idsOf(storage, channel, { after: 0 }, 9, 'add')).toEqual([1, 2, 3, 6]);
    await transfer.importEvents(channel, part([], 6, { after: 6 }));
    const [end] = await storage.channels.ends([channel]);
    expect(end?.timestamp, 'timestamps do not go back').toBeGreaterThan(TIME + 6);
  });

  it('reads over a million ids without an event as if they were one', { timeout: 60_000 }, async () => {
    const { storage, transfer, channel } = await openForTest();
    const far = 1_000_003;
    await transfer.importEvents(
      channel,
      part([imported(1), imported(2), imported(far, 'add'), imported(far + 1)]),
    );
    await transfer.importEvents(channel, part([], 1_500_000, { after: far + 1 }));
    const all = [1, 2, far, far + 1];
    expect(await idsOf(storage, channel, { after: 0 })).toEqual(all);
    expect(await idsOf(storage, channel, { after: 500_000 }, 1)).toEqual([far]);
    expect(await idsOf(storage, channel, { before: undefined }, 3)).toEqual([far + 1, far, 2]);
    expect(await idsOf(storage, channel, { before: 500_000 }, 1)).toEqual([2]);
    expect(await storage.channels.unseen(channel, [{ type: undefined, after: 1 }])).toEqual([
      { count: 3, timestamp: TIME + 2 },
    ]);
    const { signal } = new AbortController();
    await storage.channels.trim(channel, { firstId: 3, maxEvents: 0, maxAgeMs: 0, now: 0 }, signal);
    expect(await idsOf(storage, channel, { after: 0 })).toEqual([far, far + 1]);
    expect(await storage.channels.unseen(channel, [{ type: undefined, after: 0 }])).toEqual([
      { count: 2, timestamp: TIME + far },
    ]);
    expect(await storage.append(append(channel, 1))).toMatchObject({ firstId: 1_500_001 });
    expect(await idsOf(storage, channel, { before: undefined })).toEqual([1_500_001, far + 1, far]);
  });

  it('refuses to leave out more ids than it says, if there is an event before', async () => {
    const { storage, transfer, channel } = await openForTest();
    const far = MAX_GAP + 10;
    expect(await transfer.importEvents(channel, part([imported(far)]))).toEqual({ stored: 1, known: 0 });
    const error = { code: 'Conflict', message: expect.stringContaining(JSON.stringify(channel)) };
    const tooFar = [part([imported(far + MAX_GAP + 2)]), part([], far + MAX_GAP + 1)];
    for (const each of tooFar) {
      await expect(transfer.importEvents(channel, each)).rejects.toMatchObject(error);
    }
    expect(await storage.channels.ends([channel])).toMatchObject([{ firstId: far, lastId: far }]);
  });

  it('refuses new ids that do not ascend, or lie beyond the last, and stores none of them', async () => {
    const { storage, transfer, channel } = await openForTest();
    const [one, two, three] = [imported(1), imported(2), imported(3)];
    const parts = [part([one, two, two, three]), part([one, three, two], 3), part([one, two, three], 2)];
    for (const each of parts) {
      await expect(transfer.importEvents(channel, each)).rejects.toMatchObject({
        code: 'Conflict',
        message: expect.stringContaining(`${JSON.stringify(channel)}: expected ids that ascend`),
      });
    }
    expect(await idsOf(storage, channel, { after: 0 })).toEqual([]);
    await transfer.importEvents(channel, part([one, two, three]));
    expect(await idsOf(storage, channel, { after: 0 })).toEqual([1, 2, 3]);
  });

  it('passes over what it has, and refuses what it has otherwise', async () => {
    const { storage, transfer, channel } = await openForTest();
    const events = [imported(2, 'add'), imported(3), imported(6)];
    await transfer.importEvents(channel, part(events, 8));
    const [end] = await storage.channels.ends([channel]);
    expect(await transfer.importEvents(channel, part(events, 8))).toEqual({ stored: 0, known: 3 });
    expect(await transfer.importEvents(channel, part(events.slice(0, 2)))).toEqual({ stored: 0, known: 2 });
    await expect(transfer.importEvents(channel, part([...events, imported(7)], 8))).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringContaining(' event 7 '),
    });
    expect(await storage.channels.ends([channel])).toEqual([end]);
    const more = part([...events.slice(1), imported(11, 'add')], 11);
    expect(await transfer.importEvents(channel, more)).toEqual({ stored: 1, known: 2 });

    const others: [part: ImportedPart, id: number][] = [
      [part([imported(2), imported(3, undefined, '"from":"other","type":"add"}'), imported(20)]), 3],
      [part([imported(2), imported(6), imported(20)]), 3],
      [part([imported(2), imported(3), imported(4), imported(20)]), 4],
      [part([imported(6), imported(7), imported(20)]), 7],
      [part([imported(12)], 12, { after: 10 }), 11],
    ];
    for (const [other, id] of others) {
      await expect(transfer.importEvents(channel, other)).rejects.toMatchObject({
        code: 'Conflict',
        message: expect.stringMatching(new RegExp(`${JSON.stringify(channel)}.* event ${id} `)),
      });
    }
    expect(await idsOf(storage, channel, { after: 0 })).toEqual([2, 3, 6, 11]);
    expect(await idsOf(storage, channel, { after: 0 }, 9, 'add')).toEqual([2, 11]);

    const { signal } = new AbortController();
    await storage.channels.trim(channel, { firstId: 6, maxEvents: 0, maxAgeMs: 0, now: 0 }, signal);
    expect(await transfer.importEvents(channel, part(events, 8)), 'dropped meanwhile').toEqual({
      stored: 0,
      known: 1,
    });
    expect(await idsOf(storage, channel, { after: 0 })).toEqual([6, 11]);
  });

  it('goes on only if it still has what was brought before', async () => {
    const { storage, transfer, channel } = await openForTest();
    await transfer.importEvents(channel, part([imported(1), imported(2)]));
    const next = part([imported(5)], 5, { after: 3, continues: true });
    await expect(transfer.importEvents(channel, next)).rejects.toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringMatching(/ids up to 3, .* up to 2: the store came back older/),
    });
    expect(await storage.channels.ends([channel])).toMatchObject([{ lastId: 2 }]);
    await transfer.importEvents(channel, part([imported(3)], 3, { after: 2, continues: true }));
    expect(await transfer.importEvents(channel, next)).toEqual({ stored: 1, known: 0 });
  });

  it('drops old events around ids that none has', async () => {
    const { storage, transfer, channel } = await openForTest();
    const events = [imported(2, 'add'), imported(5, 'add'), imported(9, 'add'), imported(10, 'add')];
    await transfer.importEvents(channel, part(events, 12));
    const { signal } = new AbortController();
    const trim = (age: number) =>
      storage.channels.trim(channel, { maxEvents: 0, maxAgeMs: 1_000, now: TIME + 1_000 + age }, signal);
    const now = async () => [
      await idsOf(storage, channel, { after: 0 }),
      await idsOf(storage, channel, { after: 0 }, 9, 'add'),
    ];
    await trim(5);
    expect(await now()).toEqual([
      [5, 9, 10],
      [5, 9, 10],
    ]);
    await trim(9);
    expect(await now()).toEqual([
      [9, 10],
      [9, 10],
    ]);
    expect(await storage.channels.ends([channel])).toMatchObject([{ firstId: 9, lastId: 12 }]);
    await trim(100);
    expect(await now()).toEqual([[], []]);
    expect(await storage.append(append(channel, 1))).toMatchObject({ firstId: 13 });
    expect(await now()).toEqual([[13], [13]]);
  });

  it('brings a channel that was deleted, or keeps nothing, with its last id', async () => {
    const { storage, transfer, channel } = await openForTest();
    const deleted = `${channel}/deleted`;
    await transfer.importEvents(channel, part([], 7));
    await transfer.importEvents(deleted, part([], 7, { isDeleted: true }));
    expect(await storage.channels.list({ prefix: channel, after: '', limit: 9 })).toEqual([channel]);
    expect(await storage.channels.ends([channel, deleted])).toMatchObject([
      { firstId: 8, lastId: 7, timestamp: TIME + 7, isDeleted: false },
      { firstId: 8, lastId: 7, timestamp: TIME + 7, isDeleted: true },
    ]);
    expect(await unlisted(transfer, channel)).toEqual([deleted]);
    expect(await storage.channels.delete(channel)).toBe(true);
    expect(await unlisted(transfer, channel)).toEqual([channel, deleted]);
    for (const name of [channel, deleted]) {
      expect(await storage.append(append(name, 1))).toMatchObject({ firstId: 8 });
      expect(await idsOf(storage, name, { after: 0 })).toEqual([8]);
    }
    await expect
      .poll(() => storage.channels.list({ prefix: channel, after: '', limit: 9 }))
      .toEqual([channel, deleted]);
    expect(await unlisted(transfer, channel)).toEqual([]);
  });

  it('brings cursors as they are, whatever was saved before', async () => {
    const { storage, transfer, channel } = await openForTest();
    await storage.cursors.save({ clientId: 'b', channel, type: undefined }, 1, '1-1-a-0-0');
    const cursors: ListedCursor[] = [
      { clientId: 'a', type: undefined, after: 3, savedAt: TIME, epoch: '1-1-a-0-0>2-2-b-1-a' },
      { clientId: 'a', type: 'größe', after: 4, savedAt: undefined, epoch: '1-1-a-0-0' },
      { clientId: 'b', type: undefined, after: 0, savedAt: undefined, epoch: undefined },
      { clientId: 'c d', type: 'add', after: 5, savedAt: TIME, epoch: undefined },
    ];
    await transfer.importCursors(channel, cursors);
    await transfer.importCursors(channel, cursors);
    const range = { types: true, after: '', limit: 9 };
    expect(await storage.cursors.list({ channel, type: undefined }, range)).toEqual(cursors);
    expect(await unlisted(transfer, channel)).toEqual([channel]);
    const typed = { clientId: 'a', channel, type: 'größe' };
    expect(await storage.cursors.save(typed, 4, undefined)).toMatchObject({ after: 4, epoch: '1-1-a-0-0' });
  });

  it('tells the cursors of a channel that is called as a type would be with that only', async () => {
    const { storage, transfer, channel } = await openForTest();
    const other = `${channel}:add`;
    for (const name of [channel, other]) await transfer.importEvents(name, part([imported(1)]));
    const cursor: ListedCursor = {
      ...{ clientId: 'a', type: undefined, after: 1, savedAt: TIME, epoch: undefined },
    };
    await transfer.importCursors(other, [cursor]);
    const range = { types: true, after: '', limit: 9 };
    expect(await storage.cursors.list({ channel: other, type: undefined }, range)).toEqual([cursor]);
    expect(await storage.cursors.list({ channel, type: undefined }, range)).toEqual([]);
  });

  describe('groups', () => {
    const openGroup = async () => {
      const { storage, transfer, channel } = await openForTest();
      const settings = {
        ...{ ...DEFAULT_GROUP_SETTINGS, leaseMs: NEVER_MS, backoffMs: [NEVER_MS], maxPending: 50 },
        ...{ order: 'data.user', deadLetters: 'größe:dead' },
      };
      const scope: GroupScope = { channel, type: undefined, group: 'mailer:1' };
      await storage.append(append(channel, 20));
      await storage.groups.save(scope, settings, { after: 0, changes: false });
      const [end] = await storage.channels.ends([channel]);
      const work = async (
        of: GroupScope,
        { take = 0, settle = [], to = 0 }: { take?: number; settle?: Settlement[]; to?: number },
      ) => {
        // Every fifth event has the same value.
        const events = upTo(to).map((id) => ({ id, value: id % 5 === 0 ? '=größe' : '' }));
        const { epoch = '' } = end ?? {};
        const found = { from: 0, to, firstId: 1, events, epoch, order: 'data.user' };
        const takes = [{ clientId: 'worker', limit: take, leaseMs: undefined, token: 'token' }];
        return storage.groups.work(of, { settle, takes, found: to > 0 ? found : undefined });
      };
      return { storage, transfer, scope, settings, work };
    };
    const settlement = (kind: 'acknowledge' | 'release', ...ids: number[]): Settlement[] =>
      ids.map((id) => ({ kind, id, token: 'token' }));

    it('come with all that they are not done with, and go on', async () => {
      const { storage, transfer, scope, settings, work } = await openGroup();
      expect((await work(scope, { take: 20, to: 20 }))?.taken[0]?.length, 'three are held back').toBe(17);
      const rejections: Settlement[] = [
        { kind: 'reject', id: 2, token: 'token', reason: 'größe' },
        { kind: 'reject', id: 3, token: 'token', reason: 'dies' },
        { kind: 'reject', id: 4, token: 'token', reason: 'counted' },
      ];
      const from = Date.now();
      await work(scope, { settle: [...rejections, ...settlement('release', 6, 7)] });
      const to = Date.now();
      await storage.groups.bury(scope, [
        { id: 2, deadLetterId: 102 },
        { id: 4, deadLetterId: undefined },
      ]);
      await work(scope, { settle: settlement('acknowledge', 1, 8, 9, 11, 12, 13, 14, 16, 17, 18) });

      const group = await transfer.readGroup(scope);
      expect(group).toMatchObject({ scope, settings, after: 20, missed: 0, forgotten: 1 });
      const { entries = [] } = group ?? {};
      const times = { deliveredAt: expect.any(Number), endedAt: expect.any(Number) };
      const rejected = { ...times, clientId: 'worker', outcome: 'rejected', reason: 'dies' };
      const released = { ...times, clientId: 'worker', outcome: 'released' };
      const out = { clientId: 'worker', firstDeliveredAt: expect.any(Number), value: '', dueAt: 0 };
      expect(entries.map(({ id }) => id)).toEqual([2, 3, 5, 6, 7, 19, 10, 15, 20]);
      expect(entries).toMatchObject([
        { id: 2, state: 'dead', deadLetterId: 102, endedAt: expect.any(Number), count: 0 },
        { ...out, id: 3, state: 'dying', reason: 'dies', count: 1, deliveries: [rejected] },
        { ...out, id: 5, state: 'delayed', count: 0, value: '=größe', endedAt: 0 },
        { ...out, id: 6, state: 'delayed', count: 1, dueAt: expect.any(Number), deliveries: [released] },
        { ...out, id: 7, state: 'delayed', count: 1, dueAt: expect.any(Number) },
        { ...out, id: 19, state: 'delayed', count: 0 },
        { id: 10, state: 'held back', value: '=größe', count: 0, firstDeliveredAt: 0 },
        { id: 15, state: 'held back' },
        { id: 20, state: 'held back' },
      ]);
      // As far as the clocks of two processes agree.
      expect(entries[3]?.dueAt).toBeGreaterThan(from + NEVER_MS - 60_000);
      expect(entries[3]?.dueAt).toBeLessThan(to + NEVER_MS + 60_000);

      const copy = { ...scope, group: 'copy', type: undefined };
      const snapshot = { ...group, scope: copy } as NonNullable<typeof group>;
      expect(await transfer.readGroup(copy)).toBeUndefined();
      expect(await transfer.importGroup(snapshot)).toBe(true);
      expect(await transfer.importGroup({ ...snapshot, after: 1, entries: [] }), 'there is one').toBe(false);
      const again = await transfer.readGroup(copy);
      expect(again).toMatchObject({
        ...snapshot,
        entries: entries.map((entry) => ({ ...entry, dueAt: expect.any(Number) })),
      });
      const later = (again?.entries ?? []).map(({ dueAt }, i) => dueAt - (entries[i]?.dueAt ?? 0));
      expect(Math.max(...later.map(Math.abs)), 'when they are due').toBeLessThan(60_000);
      const states = await storage.groups.list(scope.channel);
      const [state, copied] = [scope, copy].map((of) => states.find((each) => each.scope.group === of.group));
      expect(copied).toEqual({ ...state, scope: copy, workers: [] });

      const given = await work(copy, { take: 9 });
      expect(given?.taken[0]).toMatchObject([
        { id: 5, count: 1 },
        { id: 19, count: 1 },
      ]);
      expect(given?.dying).toMatchObject([
        { id: 3, reason: 'dies', clientId: 'worker', count: 1, deliveries: [rejected] },
      ]);
      const orders: (number | undefined)[] = [];
      for (const id of [5, 10, 15, 20]) {
        const { taken } = (await work(copy, { settle: settlement('acknowledge', id), take: 1 })) ?? {};
        orders.push(taken?.[0]?.[0]?.id);
      }
      expect(orders).toEqual([10, 15, 20, undefined]);
      expect(await storage.groups.redrive(copy, { ids: undefined, limit: 9 })).toEqual([2]);
      expect((await work(copy, { take: 9 }))?.taken[0]).toMatchObject([
        { id: 2, count: 1, deadLetterId: 102 },
      ]);
    });

    it('come with what each value holds back, and with what follows on it', async () => {
      const { storage, transfer, channel } = await openForTest();
      const scope = { channel, type: undefined, group: 'mailer' };
      const settings = { ...DEFAULT_GROUP_SETTINGS, leaseMs: NEVER_MS, order: 'data.user' };
      await storage.append(append(channel, 10));
      await storage.groups.save(scope, settings, { after: 0, changes: false });
      const [end] = await storage.channels.ends([channel]);
      const orderOf = (id: number) => (id > 8 ? '=c' : id % 2 ? '=b' : '=a');
      const found = (from: number, to: number) => {
        const events = upTo(to, from + 1).map((id) => ({ id, value: orderOf(id) }));
        return { from, to, firstId: 1, events, epoch: end?.epoch ?? '', order: 'data.user' };
      };
      const takes = [{ clientId: 'worker', limit: 9, leaseMs: undefined, token: 'token' }];
      await storage.groups.work(scope, { settle: [], takes, found: found(0, 9) });
      const settle: Settlement[] = [{ kind: 'acknowledge', id: 1, token: 'token' }];
      await storage.groups.work(scope, { settle, takes: [], found: undefined });
      const group = await transfer.readGroup(scope);
      expect(group?.entries.map(({ id, state }) => [id, state])).toEqual([
        ...[2, 3, 9].map((id) => [id, 'delayed']),
        ...[4, 6, 8, 5, 7].map((id) => [id, 'held back']),
      ]);
      const copy = { ...scope, group: 'copy' };
      const snapshot = { ...group, scope: copy } as NonNullable<typeof group>;
      expect(await transfer.importGroup(snapshot)).toBe(true);
      expect(await transfer.readGroup(copy)).toEqual(snapshot);
      const states = await storage.groups.list(channel);
      const [state, copied] = [scope, copy].map((of) => states.find((each) => each.scope.group === of.group));
      expect(copied).toEqual({ ...state, scope: copy, workers: [] });
      const next = await storage.groups.work(copy, { settle: [], takes, found: found(9, 10) });
      expect(
        next?.taken[0]?.map(({ id }) => id),
        '10 has the value of 9',
      ).toEqual([2, 3, 9]);
      expect(await transfer.readGroup(copy)).toMatchObject({ after: 10 });
    });

    it('on a type, and without anything, come too', async () => {
      const { storage, transfer, scope } = await openGroup();
      const typed = { ...scope, type: 'add', group: 'größe' };
      const settings = { ...DEFAULT_GROUP_SETTINGS, order: '*' };
      await storage.groups.save(typed, settings, { after: 3, changes: false });
      const group = await transfer.readGroup(typed);
      expect(group).toMatchObject({ scope: typed, settings, after: 3, entries: [] });
      const copy = { ...typed, channel: newChannel() };
      const snapshot = { ...group, scope: copy } as NonNullable<typeof group>;
      expect(await transfer.importGroup(snapshot)).toBe(true);
      expect(await transfer.readGroup(copy)).toEqual(snapshot);
      expect(await unlisted(transfer, copy.channel)).toEqual([copy.channel]);
    });

    it('count no id as missed that no event has', async () => {
      const { storage, transfer, channel } = await openForTest();
      const scope = { channel, type: undefined, group: 'mailer' };
      await transfer.importEvents(channel, part([imported(3), imported(7)], 9));
      await storage.groups.save(scope, DEFAULT_GROUP_SETTINGS, { after: 0, changes: false });
      const page = await storage.scan({ channel, type: undefined, after: 0, limit: 9 });
      const events = page.texts.map((text) => ({ id: headerOf(text).id, value: '' }));
      const { firstId, epochs } = page;
      const found = { from: 0, to: 9, firstId, events, epoch: epochs?.current ?? '', order: undefined };
      const takes = [{ clientId: 'worker', limit: 9, leaseMs: undefined, token: 'token' }];
      const worked = await storage.groups.work(scope, { settle: [], takes, found });
      expect(worked?.taken[0]?.map(({ id }) => id)).toEqual([3, 7]);
      expect(await storage.groups.list(channel), 'those before the first').toMatchObject([
        { after: 9, missed: 2, pending: 2 },
      ]);
    });
  });

  it('reads as a list would, whatever is brought, appended and dropped', { timeout: 60_000 }, async () => {
    const { storage, transfer } = await openForTest();
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('import' as const),
        gaps: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 5 }),
        beyond: fc.integer({ min: 0, max: 3 }),
      }),
      fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('trim' as const), by: fc.integer({ min: 0, max: 6 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const channel = newChannel();
        let kept: number[] = [];
        let lastId = 0;
        for (const each of steps) {
          if (each.kind === 'import') {
            const before = lastId;
            const ids = each.gaps.map((gap) => {
              lastId += gap + 1;
              return lastId;
            });
            lastId += each.beyond;
            if (lastId === 0) continue;
            const events = ids.map((id) => imported(id, id % 2 ? 'add' : undefined));
            await transfer.importEvents(channel, part(events, lastId, { after: before }));
            kept.push(...ids);
          } else if (each.kind === 'append') {
            const outcome = await storage.append(append(channel, each.count));
            expect(outcome).toMatchObject({ firstId: lastId + 1 });
            kept.push(...upTo(lastId + each.count, lastId + 1));
            lastId += each.count;
          } else {
            const firstId = (kept[0] ?? lastId + 1) + each.by;
            const { signal } = new AbortController();
            await storage.channels.trim(channel, { firstId, maxEvents: 0, maxAgeMs: 0, now: 0 }, signal);
            kept = kept.filter((id) => id >= firstId);
          }
        }
        expect(await idsOf(storage, channel, { after: 0 })).toEqual(kept);
        expect(await idsOf(storage, channel, { before: undefined })).toEqual(kept.toReversed());
        for (let id = 0; id <= lastId + 1; id++) {
          const above = kept.filter((each) => each > id);
          expect(await idsOf(storage, channel, { after: id }, 2)).toEqual(above.slice(0, 2));
          const below = kept.filter((each) => each < id).reverse();
          expect(await idsOf(storage, channel, { before: id }, 2)).toEqual(below.slice(0, 2));
        }
        const cursors = upTo(lastId, 0).map((after) => ({ type: undefined, after }));
        const counts = (await storage.channels.unseen(channel, cursors)).map(({ count }) => count);
        expect(counts).toEqual(cursors.map(({ after }) => kept.filter((id) => id > after).length));
      }),
      { numRuns: 30 },
    );
  });
}

/** The channels that are not on the list, of a test. */
async function unlisted(transfer: TransferStorage, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const channel of transfer.unlistedChannels())
    if (channel.startsWith(prefix)) found.push(channel);
  return found.sort();
}
