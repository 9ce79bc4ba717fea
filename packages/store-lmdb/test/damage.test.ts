import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbStore, verifyLmdbStore } from '@ganomede/events-store-lmdb';
import { open } from 'lmdb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { crc32, crc32ByTable } from '../src/crc32.js';
import { LmdbStorage } from '../src/lmdb-storage.js';
import { decodeEvent, encodeEvent } from '../src/stored-event.js';
import { newDirectory } from './directories.js';

/** A directory with events 1 to 20 of `orders`, half of them `paid`. */
async function newStore(): Promise<string> {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir });
  for (let n = 1; n <= 20; n++) {
    await store.append('orders', [{ from: 'shop', type: n % 2 ? 'paid' : 'sent', data: { mark: `<${n}>` } }]);
  }
  await store.createIndex({ id: 'by-mark', channel: 'orders', field: 'data.mark' });
  await store.readIndex({ id: 'by-mark', value: '<7>', limit: 1 });
  await store.close();
  return dataDir;
}

async function reopen(dataDir: string) {
  const store = await openLmdbStore({ dataDir });
  onTestFinished(() => store.close());
  return store;
}

/** Changes one bit of every copy that the file has of a text. */
function flip(dataDir: string, text: string): void {
  const path = join(dataDir, 'events.mdb');
  const file = readFileSync(path);
  for (let at = file.indexOf(text); at >= 0; at = file.indexOf(text, at + 1)) {
    file[at + 2] = (file[at + 2] as number) ^ 0x08;
  }
  writeFileSync(path, file);
}

/** Removes entries behind the store's back. */
async function remove(dataDir: string, ...keys: (string | number)[][]): Promise<void> {
  const path = join(dataDir, 'events.mdb');
  const database = open({ path, noSubdir: true, overlappingSync: false, encoding: 'binary' });
  for (const key of keys) database.removeSync(key);
  await database.close();
}

describe.each([
  ['a bit of an event has flipped', (dataDir: string) => flip(dataDir, '"<7>"'), 'event 7 is not as it was'],
  ['an event is missing', (dataDir: string) => remove(dataDir, [1, 7]), 'event 7 is missing'],
])('where %s', (_what, spoil, message) => {
  it('a read that meets it says so, and the rest is read', async () => {
    const dataDir = await newStore();
    await spoil(dataDir);
    expect(await verifyLmdbStore(dataDir)).toEqual({
      channels: 1,
      events: 19,
      damage: ['Channel "orders": damaged or missing are events 7'],
    });
    const store = await reopen(dataDir);
    const damaged = {
      code: 'ServiceUnavailable',
      message: expect.stringMatching(`channel "orders" from ${dataDir}: .*${message}`),
    };
    const ids = async (channel: string, after: number) =>
      (await store.read({ channel, after, limit: 100 })).events.map(({ id }) => id);
    for (const channel of ['orders', 'orders:paid']) {
      expect((await ids(channel, 0)).at(-1)).toBe(channel === 'orders' ? 6 : 5);
      await expect(ids(channel, 6)).rejects.toMatchObject(damaged);
      expect((await ids(channel, 7)).at(-1)).toBe(channel === 'orders' ? 20 : 19);
      const newest = channel === 'orders' ? [18, 19, 20] : [15, 17, 19];
      const { events } = await store.latest({ channel, limit: 3 });
      expect(events.map(({ id }) => id)).toEqual(newest);
      await expect(store.latest({ channel, limit: 100 })).rejects.toMatchObject(damaged);
      await expect(store.latest({ channel, limit: 1, before: 8 })).rejects.toMatchObject(damaged);
    }
    expect(await ids('orders:sent', 0)).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    await expect(store.readIndex({ id: 'by-mark', value: '<7>', limit: 1 })).rejects.toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringContaining(message),
    });
    expect((await store.readIndex({ id: 'by-mark', value: '<8>', limit: 1 })).rows.count).toBe(1);
    expect(await store.append('orders', [{ from: 'shop', type: 'paid' }])).toMatchObject([{ id: 21 }]);
  });
});

it.each<[string, number[], number]>([
  ['the first', [1], 21],
  ['one in the middle', [7], 21],
  ['the last ones', [19, 20], 21],
  ['more than one step', Array.from({ length: 1_500 }, (_, i) => i + 1), 1_521],
])('retention by age goes on behind damaged events: %s', async (_what, damaged, nextId) => {
  const dataDir = await newStore();
  if (nextId > 21) {
    const store = await openLmdbStore({ dataDir });
    await store.append('orders', new Array(1_500).fill({ from: 'shop', type: 'paid' }));
    await store.close();
  }
  await remove(dataDir, ...damaged.map((id) => [1, id]));
  const storage = await LmdbStorage.open(dataDir);
  const now = Date.now();
  const trim = (limits: { maxAgeMs: number; now: number }) =>
    storage.channels.trim('orders', { maxEvents: 0, ...limits }, new AbortController().signal);
  const first = async () => {
    const page = await storage.scan({ channel: 'orders', type: undefined, after: nextId, limit: 1 });
    return page.firstId;
  };
  await trim({ maxAgeMs: 3_600_000, now });
  expect(await first()).toBe(1);
  await trim({ maxAgeMs: 3_600_000, now: now + 3_700_000 });
  // None is kept.
  expect(await first()).toBe(0);
  await storage.close();
});

it('an event whose mark is damaged is none of format 3, whatever its checksum ends in', () => {
  let id = 1;
  let value: Buffer;
  do value = encodeEvent(1, ++id, 1, '"from":"f","type":"t"}').value;
  while (value.at(-1) !== 0x7d);
  value[value.length - 5] = 0x01;
  expect(() => decodeEvent(1, id, value)).toThrow('is not as it was stored');
});

it('a format that is not known is not verified', async () => {
  const dataDir = await newStore();
  await change(dataDir, ['format'], () => Buffer.from('9'));
  await expect(verifyLmdbStore(dataDir)).rejects.toThrow('its events have format 9');
});

it('what a compaction that was killed has left is removed', async () => {
  const dataDir = await newStore();
  mkdirSync(join(dataDir, 'compacting'));
  writeFileSync(join(dataDir, 'compacting', 'events.mdb'), 'x');
  await reopen(dataDir);
  expect(existsSync(join(dataDir, 'compacting'))).toBe(false);
});

it('an index steps over a damaged event', async () => {
  const dataDir = await newStore();
  flip(dataDir, '"<7>"');
  const store = await reopen(dataDir);
  await store.createIndex({ id: 'by-type', channel: 'orders', field: 'type' });
  const ids = async (value: string) =>
    (await store.readIndex({ id: 'by-type', value, limit: 100 })).rows.events.map(({ id }) => id);
  expect(await ids('sent')).toEqual([20, 18, 16, 14, 12, 10, 8, 6, 4, 2]);
  expect(await ids('paid')).toEqual([19, 17, 15, 13, 11, 9, 5, 3, 1]);
});

/** Changes a stored value behind the store's back. */
async function change(dataDir: string, key: (string | number)[], by: (value: Buffer) => Buffer) {
  const path = join(dataDir, 'events.mdb');
  const database = open<Buffer, (string | number)[]>({
    path,
    noSubdir: true,
    overlappingSync: false,
    encoding: 'binary',
  });
  database.putSync(key, by(database.get(key) as Buffer));
  await database.close();
}

/** One bit of every byte, one after the other. */
async function eachFlip(dataDir: string, key: (string | number)[], check: () => Promise<void>) {
  let length = 1;
  for (let i = 0; i < length; i++) {
    const flip = (value: Buffer) => {
      length = value.length;
      const changed = Buffer.from(value);
      changed[i] = (changed[i] as number) ^ 0x01;
      return changed;
    };
    await change(dataDir, key, flip);
    await check();
    await change(dataDir, key, flip);
  }
}

it('a damaged record of a channel gives no id again, and others go on', async () => {
  const dataDir = await newStore();
  const damaged = {
    code: 'ServiceUnavailable',
    message: expect.stringContaining('channel "orders" is not as'),
  };
  await eachFlip(dataDir, [1, 'c'], async () => {
    expect((await verifyLmdbStore(dataDir)).damage).toEqual([
      'Channel "orders": events.mdb is damaged: the record of channel "orders" is not as it was stored',
    ]);
    const store = await openLmdbStore({ dataDir });
    const event = { from: 'shop', type: 'paid' };
    const [appended, other] = await Promise.allSettled([
      store.append('orders', [event]),
      store.append('other', [event]),
    ]);
    expect(appended).toMatchObject({ status: 'rejected', reason: damaged });
    expect(other.status).toBe('fulfilled');
    await expect(store.read({ channel: 'orders', after: 0, limit: 1 })).rejects.toMatchObject(damaged);
    await store.close();
  });
  const store = await reopen(dataDir);
  expect(await store.append('orders', [{ from: 'shop', type: 'paid' }])).toMatchObject([{ id: 21 }]);
});

it.each<[string, (dataDir: string) => Promise<void>, string]>([
  [
    'the number of a channel',
    (dataDir) => change(dataDir, ['c', 'orders'], () => Buffer.from('2')),
    'the record of channel "orders" is not as it was stored',
  ],
  [
    'the number of channels',
    (dataDir) => change(dataDir, ['channels'], () => Buffer.from('1')),
    'The numbers of channels: 2 channels, 2 numbers, 1 were given',
  ],
  [
    'an entry of a type',
    (dataDir) => change(dataDir, [1, 't', 'sent', 3], () => Buffer.alloc(0)),
    'Channel "orders": filed under more than one type are events 3',
  ],
])('%s that is damaged is found', async (_what, spoil, message) => {
  const dataDir = await newStore();
  const healthy = await openLmdbStore({ dataDir });
  await healthy.append('other', [{ from: 'shop', type: 'paid' }]);
  await healthy.close();
  await spoil(dataDir);
  expect((await verifyLmdbStore(dataDir)).damage).toContainEqual(expect.stringContaining(message));
  // No event of a channel is overwritten by one of another.
  const store = await reopen(dataDir);
  await store.append('new', [{ from: 'shop', type: 'paid' }]).catch(() => {});
  expect((await store.read({ channel: 'other', after: 0, limit: 9 })).events).toMatchObject([
    { from: 'shop' },
  ]);
});

it('a damaged cursor is not read, until it is saved again', async () => {
  const dataDir = await newStore();
  const healthy = await openLmdbStore({ dataDir });
  await healthy.saveCursor('mailer', 'orders', 7);
  await healthy.close();
  await eachFlip(dataDir, ['p', 'orders', 'mailer'], async () => {
    const message = 'events.mdb is damaged: the cursor of "mailer" on "orders" is not as it was stored';
    expect((await verifyLmdbStore(dataDir)).damage).toEqual([message]);
    const store = await openLmdbStore({ dataDir });
    await expect(store.loadCursor('mailer', 'orders')).rejects.toThrow(message);
    await store.close();
  });
  await change(dataDir, ['p', 'orders', 'mailer'], (value) => value.fill(0xff, 7));
  const store = await reopen(dataDir);
  await store.saveCursor('mailer', 'orders', 9);
  expect(await store.loadCursor('mailer', 'orders')).toMatchObject({ after: 9 });
});

const PAGE = 4096;

/** A directory whose file has a few hundred pages. */
async function largeStore(): Promise<{ dataDir: string; path: string }> {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir });
  for (let n = 0; n < 20; n++) {
    const events = Array.from({ length: 100 }, () => ({
      from: 'f',
      type: 't',
      data: { text: 'x'.repeat(200) },
    }));
    await store.append(`channel/${n % 3}`, [
      ...events,
      { from: 'f', type: 'large', data: { text: 'x'.repeat(20_000) } },
    ]);
  }
  await store.close();
  return { dataDir, path: join(dataDir, 'events.mdb') };
}

describe('damaged pages', () => {
  it('are none in a healthy file', async () => {
    const { dataDir } = await largeStore();
    expect(await verifyLmdbStore(dataDir)).toEqual({ channels: 3, events: 2_020, damage: [] });
    await expect(verifyLmdbStore(newDirectory())).rejects.toThrow('it has no events.mdb');
  });

  it('are those behind the end of a file that was cut short by little', async () => {
    const { dataDir, path } = await largeStore();
    truncateSync(path, statSync(path).size - 10 * PAGE);
    for (const use of [() => openLmdbStore({ dataDir }), () => verifyLmdbStore(dataDir)]) {
      await expect(use()).rejects.toMatchObject({
        code: 'ServiceUnavailable',
        message: expect.stringMatching(
          `${dataDir}: events.mdb is cut short \\(expected \\d+ bytes, found \\d+\\)`,
        ),
      });
    }
  });

  it.each([
    ['zeros', () => Buffer.alloc(PAGE)],
    ['random bytes', () => randomBytes(PAGE)],
    ['another page', (file: Buffer) => Buffer.from(file.subarray(5 * PAGE, 6 * PAGE))],
  ])('are found at the start, wherever they are: %s', async (_what, page) => {
    const { dataDir, path } = await largeStore();
    const healthy = readFileSync(path);
    let refused = 0;
    const pages = healthy.length / PAGE;
    for (let n = 2; n < pages; n++) {
      const file = Buffer.from(healthy);
      page(file).copy(file, n * PAGE);
      writeFileSync(path, file);
      // Where nothing is refused it was a page that is free, or one in the middle of a large event.
      const found = await verifyLmdbStore(dataDir).catch((error: Error) => error);
      if (found instanceof Error) {
        expect(found.message).toMatch(/events\.mdb is damaged: .*page \d+ /);
        refused++;
      } else {
        expect(found.events + 1).toBeGreaterThanOrEqual(2_020);
      }
    }
    expect(refused).toBeGreaterThan(pages / 4);
    writeFileSync(path, healthy);
    expect((await verifyLmdbStore(dataDir)).damage).toEqual([]);
  });
});

/** The offsets of the words of a file's list of free pages that are a page alone, and the pages that LMDB's newest root uses. */
function freeList(file: Buffer): { singles: number[]; used: number[] } {
  const root = file.readBigUInt64LE(152) > file.readBigUInt64LE(PAGE + 152) ? 0 : PAGE;
  const used: number[] = [];
  const leaves: number[] = [];
  const walk = (page: number, levels: number) => {
    used.push(page);
    if (levels === 1) return leaves.push(page);
    for (const node of nodesOf(page)) walk(file.readUInt32LE(node), levels - 1);
  };
  const nodesOf = (page: number) =>
    Array.from(
      { length: file.readUInt16LE(page * PAGE + 20) / 2 },
      (_, i) => page * PAGE + 24 + file.readUInt16LE(page * PAGE + 24 + 2 * i),
    );
  const walkTree = (tree: number) =>
    walk(Number(file.readBigUInt64LE(root + tree + 40)), file.readUInt16LE(root + tree + 6));
  walkTree(48);
  const singles: number[] = [];
  for (const node of leaves.flatMap(nodesOf)) {
    const value = node + 16;
    const count = Number(file.readBigInt64LE(value));
    for (let i = 1; i <= count; i++) {
      const word = file.readBigInt64LE(value + 8 * i);
      if (word < 0n) i++;
      else if (word > 0n) singles.push(value + 8 * i);
    }
  }
  walkTree(96);
  return { singles, used };
}

describe('a list of free pages', () => {
  async function spoilt(word: (list: { used: number[]; free: number[]; pages: number }) => number) {
    const dataDir = newDirectory();
    const path = join(dataDir, 'events.mdb');
    const store = await openLmdbStore({ dataDir });
    for (let n = 1; n <= 100; n++)
      await store.append('a', [{ from: 'f', type: 't', data: { text: 'x'.repeat(300) } }]);
    await store.close();
    const file = readFileSync(path);
    const { singles, used } = freeList(file);
    const free = singles.map((at) => Number(file.readBigInt64LE(at)));
    expect(free.length).toBeGreaterThan(2);
    const page = word({ used, free, pages: file.length / PAGE });
    file.writeBigInt64LE(BigInt(page), singles[0] as number);
    writeFileSync(path, file);
    return { dataDir, page };
  }

  it.each<[string, Parameters<typeof spoilt>[0], string]>([
    ['in use', ({ used }) => used.at(-1) as number, 'is used, and in the list of free pages'],
    ['that are free already', ({ free }) => free[1] as number, 'is in the list of free pages twice'],
    ['behind the end', ({ pages }) => pages + 7, 'lies behind the last page of the file'],
    ['that are roots', () => 1, 'is a root'],
  ])('with pages %s is refused', async (_what, word, message) => {
    const { dataDir, page } = await spoilt(word);
    const refused = {
      code: 'ServiceUnavailable',
      message: expect.stringContaining(`page ${page} ${message}`),
    };
    await expect(verifyLmdbStore(dataDir)).rejects.toMatchObject(refused);
    await expect(openLmdbStore({ dataDir })).rejects.toMatchObject(refused);
  });
});

it('the checksum is the same with and without what Node.js has built in', () => {
  const bytes = Buffer.from('{"id":1,"größe":"✓"}');
  for (const start of [0, 1, 0x9e3779b1]) expect(crc32ByTable(bytes, start)).toBe(crc32(bytes, start));
  expect(crc32ByTable(Buffer.from('123456789'), 0)).toBe(0xcbf43926);
});
