import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import {
  checkBackup,
  digestStore,
  exportStore,
  importStore,
  openEventStore,
  type Storage,
  type TransferProgress,
  type TransferStorage,
} from '@ganomede/events-store';
import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../src/memory/memory-storage.js';

async function textOf(storage: Storage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of exportStore(storage)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** In pieces of so many bytes. */
function sourceOf(text: Buffer, size = 1_000) {
  return async function* () {
    for (let from = 0; from < text.length; from += size) {
      await setImmediate();
      yield text.subarray(from, from + size);
    }
  };
}

/** A store that has something of everything. */
async function filled(): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  const store = await openEventStore(() => storage);
  const events = Array.from({ length: 2_500 }, (_, n) => ({
    from: 'test',
    type: n % 3 ? 'add' : 'größe',
    data: { n, tricky: ',"event":{"filed":"x"}' },
  }));
  await store.append('users', events);
  await store.append('users:tricky ","event":', events.slice(0, 2));
  await store.append('trimmed', events.slice(0, 10));
  await store.trim('trimmed', { id: 4 });
  await store.append('emptied', events.slice(0, 3));
  await store.trim('emptied', { id: 4 });
  await store.append('deleted', events.slice(0, 5));
  await store.deleteChannel('deleted');
  await store.append('orders', events.slice(0, 3));
  await store.redact('orders', [2]);
  await store.saveCursor('mailer', 'users', 1_200, '1-1-a-0-0');
  await store.saveCursor('mailer', 'users:add', 7);
  await store.saveCursor('early', 'nothing yet', 0);
  await store.createIndex({ id: 'by-n', channel: 'users', field: 'data.n' });
  await store.saveGroup('users', 'workers', { order: 'data.n', backoffMs: [1_000] });
  const options = { clientId: 'worker', limit: 5, timeoutMs: 0 };
  const { events: leased } = await store.receive('users', 'workers', options);
  const settle = leased
    .slice(1, 3)
    .map(({ id, delivery: { token } }) => ({ kind: 'acknowledge' as const, id, token }));
  await store.settle('users', 'workers', settle);
  await store.saveGroup('nothing yet', 'early', {});
  return storage;
}

describe('A backup', () => {
  it('brings everything into another store', async () => {
    const storage = await filled();
    const text = await textOf(storage);
    const copy = new MemoryStorage();
    const result = await importStore(copy, sourceOf(text));
    expect(result).toMatchObject({ stored: 2_512, known: 0, dropped: 0, knownGroups: 0 });
    expect(result.total).toEqual({ channels: 6, events: 2_512, cursors: 3, groups: 2, indices: 1 });
    const digests = async (of: Storage) => {
      const channels: Record<string, string> = {};
      const total = await digestStore(of, {
        onChannel: (channel, digest) => {
          channels[channel] = digest;
        },
      });
      return { channels, total };
    };
    expect(await digests(copy)).toEqual(await digests(storage));
    expect(result.content).toBe(await digestStore(storage));
    expect(Object.keys((await digests(copy)).channels).sort()).toEqual([
      ...['deleted', 'emptied', 'nothing yet', 'orders', 'trimmed', 'users'],
    ]);

    const all = { prefix: '', after: '', limit: 100 };
    expect(await copy.channels.list(all), 'not what nothing was appended to').toEqual(
      await storage.channels.list(all),
    );

    const store = await openEventStore(() => copy);
    expect(await store.append('users', [{ from: 'test', type: 'add' }])).toMatchObject([{ id: 2_503 }]);
    expect(await store.append('deleted', [{ from: 'test', type: 'add' }])).toMatchObject([{ id: 6 }]);
    expect(await store.append('emptied', [{ from: 'test', type: 'add' }])).toMatchObject([{ id: 4 }]);
    expect(
      (await store.read({ channel: 'users:tricky ","event":', after: 0, limit: 9 })).events,
    ).toMatchObject([{ id: 2_501 }, { id: 2_502 }]);
    expect(await store.loadCursor('mailer', 'users')).toMatchObject({ after: 1_200, epoch: '1-1-a-0-0' });
    expect((await store.readIndex({ id: 'by-n', value: '7', limit: 9 })).rows.events).toMatchObject([
      { id: 8 },
    ]);
    const { events } = await store.receive('users', 'workers', { clientId: 'other', limit: 3, timeoutMs: 0 });
    expect(
      events.map(({ id, delivery }) => [id, delivery.count]),
      'leases are taken back',
    ).toEqual([...[1, 4, 5].map((id) => [id, 1])]);
  });

  it('is passed over where it is there already, and goes on where it was broken off', async () => {
    const text = await textOf(await filled());
    const copy = new MemoryStorage();
    const controller = new AbortController();
    const onProgress = ({ channel, events }: { channel: string; events: number }) => {
      if (channel === 'users' && events > 1_500) controller.abort(new Error('enough'));
    };
    const broken = importStore(copy, sourceOf(text), { signal: controller.signal, onProgress });
    await expect(broken).rejects.toThrow('enough');
    const some = await importStore(copy, sourceOf(text));
    expect(some.stored + some.known).toBe(2_512);
    expect(Math.min(some.stored, some.known)).toBeGreaterThan(500);
    expect(await importStore(copy, sourceOf(text))).toMatchObject({
      stored: 0,
      known: 2_512,
      knownGroups: 2,
    });
    expect(await digestStore(copy)).toBe(some.content);
  });

  it('is not brought on into a store that has lost what was brought of it, but from its beginning', async () => {
    const text = await textOf(await filled());
    const [copy, older] = [new MemoryStorage(), new MemoryStorage()];
    let parts = 0;
    // As if a replica that lagged took over.
    const importEvents: TransferStorage['importEvents'] = (channel, part) =>
      (channel === 'users' && ++parts > 1 ? older : copy).transfer.importEvents(channel, part);
    const changing = { ...copy.transfer, importEvents };
    const storage = new Proxy(copy, {
      get: (target, name) => (name === 'transfer' ? changing : Reflect.get(target, name)),
    });
    await expect(importStore(storage, sourceOf(text))).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    expect(await older.channels.count()).toBe(0);
    expect(await importStore(older, sourceOf(text))).toMatchObject({ stored: 2_512 });
  });

  it('brings more channels than are listed at a time', { timeout: 60_000 }, async () => {
    const storage = new MemoryStorage();
    const store = await openEventStore(() => storage);
    for (let n = 0; n < 1_001; n++) await store.append(`c${n}`, [{ from: 'test', type: 'add' }]);
    const copy = new MemoryStorage();
    const told: TransferProgress[] = [];
    const onProgress = (progress: TransferProgress) => void told.push(progress);
    const { total, content } = await importStore(copy, sourceOf(await textOf(storage)), { onProgress });
    expect(total).toMatchObject({ channels: 1_001, events: 1_001 });
    expect(await digestStore(copy, { onProgress })).toBe(content);
    const end = { channel: 'c999', channels: 1_001, events: 1_001, totalEvents: 1_001 };
    expect([told.find(({ channels }) => channels === 1_001), told.at(-1)]).toEqual([end, end]);
  });

  it('brings a group and consumers that more than one line tells of', { timeout: 60_000 }, async () => {
    const storage = new MemoryStorage();
    const store = await openEventStore(() => storage);
    const same = { from: 'test', type: 'add', data: { user: 'same' } };
    await store.append('users', Array(2_001).fill(same));
    await store.saveGroup('users', 'workers', { order: 'data.user' });
    // It holds back what it finds in search of another.
    const options = { clientId: 'worker', limit: 1_000, timeoutMs: 0 };
    for (let n = 0; n < 5; n++) await store.receive('users', 'workers', options);
    const state = { after: 2_001, pending: 1, heldBack: 2_000 };
    expect(await store.groups('users')).toMatchObject([state]);
    for (let n = 0; n < 1_001; n++) await store.saveCursor(`client ${n}`, 'users', n);
    const copy = new MemoryStorage();
    const { total, content } = await importStore(copy, sourceOf(await textOf(storage)));
    expect(total).toEqual({ channels: 1, events: 2_001, cursors: 1_001, groups: 1, indices: 0 });
    expect([await digestStore(copy), await digestStore(storage)]).toEqual([content, content]);
    expect(await (await openEventStore(() => copy)).groups('users')).toMatchObject([state]);
  });

  it('has no cursor and no group that is further than its events, whatever goes on meanwhile', async () => {
    const storage = new MemoryStorage();
    const store = await openEventStore(() => storage);
    /** Something is appended to the channel, and a consumer and a group have it at once. */
    const goOn = async () => {
      const [header] = await store.append('busy', [{ from: 'test', type: 'add' }]);
      await store.saveCursor('reader', 'busy', header?.id ?? 0);
      await store.receive('busy', 'workers', { clientId: 'worker', limit: 9, timeoutMs: 0 });
    };
    await goOn();
    const { list } = storage.cursors;
    const { ends } = storage.channels;
    const { filedTypes, readGroup } = storage.transfer;
    storage.cursors.list = async (...args) => {
      await goOn();
      return list(...args);
    };
    storage.transfer.readGroup = async (scope) => {
      await goOn();
      return readGroup(scope);
    };
    storage.channels.ends = async (names) => {
      await goOn();
      const found = await ends(names);
      await goOn();
      return found;
    };
    storage.transfer.filedTypes = (channel) => {
      const types = filedTypes(channel);
      return {
        between: async (after, to) => {
          await goOn();
          return types.between(after, to);
        },
      };
    };
    const text = await textOf(storage);
    const copy = new MemoryStorage();
    const { content, stored } = await importStore(copy, sourceOf(text));
    expect(await digestStore(copy)).toBe(content);
    const copied = await openEventStore(() => copy);
    const { lastId, count } = await copied.read({ channel: 'busy', after: 0, limit: 100 });
    expect([stored, count]).toEqual([lastId, lastId]);
    expect((await copied.loadCursor('reader', 'busy')).after).toBeLessThanOrEqual(lastId);
    const [group] = await copied.groups('busy');
    expect(group?.after).toBeLessThanOrEqual(lastId);
    expect(group?.after).toBeGreaterThan(0);
  });

  it('says how many of its events the store has dropped already', async () => {
    const text = await textOf(await filled());
    const copy = new MemoryStorage();
    await importStore(copy, sourceOf(text));
    await (await openEventStore(() => copy)).trim('users', { id: 1_201 });
    expect(await importStore(copy, sourceOf(text))).toMatchObject({
      stored: 0,
      known: 2_512 - 1_200,
      dropped: 1_200,
    });
  });

  it('goes on with what was appended after another backup', async () => {
    const storage = await filled();
    const copy = new MemoryStorage();
    await importStore(copy, sourceOf(await textOf(storage)));
    const store = await openEventStore(() => storage);
    await store.append('users', [{ from: 'test', type: 'add' }]);
    await store.saveCursor('mailer', 'users', 2_503);
    expect(await importStore(copy, sourceOf(await textOf(storage)))).toMatchObject({
      stored: 1,
      known: 2_512,
    });
    expect(await digestStore(copy)).toBe(await digestStore(storage));
  });

  it('takes a consumer back that has seen what is not in it', async () => {
    const storage = await filled();
    const text = await textOf(storage);
    const store = await openEventStore(() => storage);
    await store.append('orders', [{ from: 'test', type: 'lost' }]);
    const { epoch } = await store.read({ channel: 'orders', after: 3, limit: 1 });
    const copy = new MemoryStorage();
    await importStore(copy, sourceOf(text));
    const restored = await openEventStore(() => copy);
    await restored.append('orders', [{ from: 'test', type: 'new' }]);
    const page = await restored.read({ channel: 'orders', after: 4, epoch, limit: 9 });
    expect(page).toMatchObject({ rewoundTo: 3, events: [{ id: 4, type: 'new' }] });
  });

  it('says which event the store has otherwise', async () => {
    const text = await textOf(await filled());
    const copy = new MemoryStorage();
    const store = await openEventStore(() => copy);
    await store.append('orders', [{ from: 'test', type: 'add' }]);
    await expect(importStore(copy, sourceOf(text))).rejects.toMatchObject({
      code: 'Conflict',
      message:
        'Cannot import channel "orders": expected event 1 of the store to be the one that is brought, got another, or none though its id was given',
    });
  });

  it('says which index the store has otherwise', async () => {
    const text = await textOf(await filled());
    const copy = new MemoryStorage();
    await copy.indices.create({ id: 'by-n', channel: 'users', field: 'data.m' });
    const message = expect.stringContaining('Index "by-n" exists already');
    await expect(importStore(copy, sourceOf(text))).rejects.toMatchObject({ code: 'Conflict', message });
  });

  it('is refused, before anything is stored, unless it is whole', async () => {
    const text = await textOf(await filled());
    const lines = text.toString().trimEnd().split('\n');
    const [header = '', ...others] = lines;
    const damaged: [text: string, message: RegExp][] = [
      [lines.slice(0, -1).join('\n'), /its last line is cut off/],
      [`${lines.slice(0, -1).join('\n')}\n`, /its end is missing/],
      ['', /its end is missing/],
      [text.toString().replace('"n":1234,', '"n":1235,'), /expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}/],
      [`${text}{"channel":"more"}\n`, /something comes behind its end/],
      [`${others.join('\n')}\n`, /it does not begin as one/],
      [`${header}\n${text}`, /it does not begin as one/],
      [
        text.toString().replace('"version":1', '"version":2'),
        /version 1, got ganomede-events-backup, version 2/,
      ],
      [
        text.toString().replace('ganomede-events-backup', 'another'),
        /expected format ganomede-events-backup, version 1, got another, version 1/,
      ],
      [`${header}\nnothing\n`, /line 2 cannot be read/],
      [`${header}\n{"other":1}\n`, /line 2 is none of a backup/],
      [`${header}\n{"filed":null,"event":{"x":1}}\n`, /line 2 cannot be read: expected an event with an id/],
    ];
    for (const [broken, message] of damaged) {
      const copy = new MemoryStorage();
      const refused = importStore(copy, sourceOf(Buffer.from(broken)));
      await expect(refused).rejects.toMatchObject({
        code: 'InvalidContent',
        message: expect.stringMatching(message),
      });
      expect(await copy.channels.count()).toBe(0);
    }
  });

  it('tells what is in it', async () => {
    const text = await textOf(await filled());
    const trailer = await checkBackup(sourceOf(text, 7));
    const body = text.subarray(0, text.lastIndexOf('\n', -2) + 1);
    expect(trailer.sha256).toBe(createHash('sha256').update(body).digest('hex'));
    expect(trailer.total.events).toBe(2_512);
    await expect(checkBackup(sourceOf(text), AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
  });

  it('tells how far it is, and can be stopped', async () => {
    const storage = await filled();
    const told: number[] = [];
    const controller = new AbortController();
    const read = async () => {
      const onProgress = ({ events, totalEvents }: { events: number; totalEvents: number }) => {
        told.push(events / totalEvents);
        if (events > 1_000) controller.abort(new Error('enough'));
      };
      for await (const _ of exportStore(storage, { signal: controller.signal, onProgress }));
    };
    await expect(read()).rejects.toThrow('enough');
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBeLessThan(1);
  });

  it('tells each channel once, and its groups, whatever is deleted or used first meanwhile', async () => {
    const storage = await filled();
    const store = await openEventStore(() => storage);
    let hasBegun = false;
    const changing = new Proxy(storage, {
      get(target, name) {
        if (name !== 'scan') return Reflect.get(target, name);
        return async (scan: Parameters<Storage['scan']>[0]) => {
          if (scan.channel === 'users' && 'after' in scan && !hasBegun) {
            hasBegun = true;
            await store.deleteChannel('orders');
            await store.append('nothing yet', [{ from: 'test', type: 'add' }]);
          }
          return storage.scan(scan);
        };
      },
    });
    const copy = new MemoryStorage();
    const result = await importStore(copy, sourceOf(await textOf(changing)));
    expect(result.total).toMatchObject({ channels: 6, groups: 2 });
    expect(await digestStore(copy)).toBe(result.content);
  });

  it('tells how much of it was read before anything is stored', async () => {
    const text = await textOf(await filled());
    const storage = new MemoryStorage();
    const told: (number | string)[] = [];
    await importStore(storage, sourceOf(text), {
      onCheck: (events) => told.push(events),
      onProgress: () => told.push('stored'),
    });
    expect(told.slice(0, 3)).toEqual([1_000, 2_000, 'stored']);
    expect(told.slice(2)).not.toContainEqual(expect.any(Number));
  });

  it('is not made of a store that came back older meanwhile', async () => {
    const storage = await filled();
    const older = new MemoryStorage();
    const store = await openEventStore(() => older);
    await store.append('users', [{ from: 'test', type: 'add' }]);
    let isOlder = false;
    const changing = new Proxy(storage, {
      get(target, name) {
        if (name !== 'scan') return Reflect.get(target, name);
        return (scan: Parameters<Storage['scan']>[0]) => {
          // Below the first id there is nothing: it asks where the channel ends.
          const found = (isOlder ? older : storage).scan(scan);
          isOlder ||= scan.channel === 'users' && 'after' in scan;
          return found;
        };
      },
    });
    await expect(textOf(changing)).rejects.toMatchObject({
      code: 'ServiceUnavailable',
      message: 'Cannot read channel "users": the store came back older meanwhile',
    });
  });
});
