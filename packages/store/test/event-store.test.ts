import { EventsError } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';
import { gate } from '../src/conformance/store-under-test.js';
import { openEventStore } from '../src/event-store.js';
import { Epochs } from '../src/events/epochs.js';
import { EventPage } from '../src/events/event-page.js';
import { eventText } from '../src/events/event-text.js';
import { findStart } from '../src/find-start.js';
import { INDEX_STEP } from '../src/indices/index-reader.js';
import { openMemoryStore } from '../src/memory/index.js';
import { MemoryStorage } from '../src/memory/memory-storage.js';
import type { Scan } from '../src/storage.js';

it.each([
  { idempotencyWindowMs: 0 },
  { retention: { maxEvents: -5 } },
  { retention: { maxEvents: Number.NaN } },
  { retention: { maxAgeMs: 1.5 } },
  { retention: { channels: { 'a/*': { maxEvents: -5 } } } },
])('refuses the options %j', async (options) => {
  await expect(openMemoryStore(options)).rejects.toThrow(
    /^Invalid (retention\.)?\w+(\["a\/\*"\]\.maxEvents)?: expected an integer from [01], got /,
  );
});

it.each(['', '*a', 'a*b', 'a**', 'a:b', 'a:*'])(
  'refuses to keep anything of the channels %j',
  async (pattern) => {
    const retention = { channels: { [pattern]: { maxEvents: 1 } } };
    await expect(openMemoryStore({ retention })).rejects.toThrow(
      /^Invalid retention\.channels: expected whole channels/,
    );
  },
);

it('keeps what is said of a name with a colon if channels have no types', async () => {
  const retention = { channels: { 'a:*': { maxEvents: 1 } } };
  const store = await openMemoryStore({ retention, typedChannels: false });
  for (let n = 0; n < 3; n++) await store.append('a:b', [{ from: 'f', type: 't' }]);
  expect(await store.read({ channel: 'a:b', after: 0, limit: 10 })).toMatchObject({ count: 1, firstId: 3 });
  await store.close();
});

it('keeps everything if the retention is null, as JSON has it', async () => {
  const store = await openMemoryStore({ retention: { maxEvents: null as never } });
  for (let n = 0; n < 3; n++) await store.append('a', [{ from: 'f', type: 't' }]);
  expect(await store.read({ channel: 'a', after: 0, limit: 10 })).toMatchObject({ count: 3, firstId: 1 });
  await store.close();
});

it('does not open a storage for options that it refuses', async () => {
  let opened = 0;
  const open = () => {
    opened++;
    return new MemoryStorage();
  };
  await expect(openEventStore(open, { idempotencyWindowMs: -1 })).rejects.toThrow(RangeError);
  expect(opened).toBe(0);
});

it('begins where another first look of the consumer has begun meanwhile', async () => {
  const storage = new MemoryStorage();
  const store = await openEventStore(() => storage);
  await store.append('a', [{ from: 'f', type: 't' }]);
  const found = gate();
  const goOn = gate();
  const scan = storage.scan.bind(storage);
  storage.scan = async (what) => {
    const page = await scan(what);
    found.open();
    await goOn.opened;
    return page;
  };
  const late = store.loadCursor('c', 'a', 'new');
  await found.opened;
  storage.scan = scan;
  await store.append('a', [{ from: 'f', type: 't' }]);
  expect(await store.loadCursor('c', 'a', 'new')).toMatchObject({ after: 2 });
  goOn.open();
  expect(await late).toMatchObject({ after: 2 });
  expect(await store.loadCursor('c', 'a')).toMatchObject({ after: 2 });
  await store.close();
});

it('finds a time in a million events by looking at a few of them', async () => {
  let scans = 0;
  const text = (id: number) => eventText(id, id * 10, '"from":"f","type":"t"}');
  const bounds = { firstId: 1, lastId: 1_000_000, epochs: Epochs.NONE };
  const storage = {
    async scan(scan: Scan) {
      scans += 1;
      const id = 'after' in scan ? scan.after + 1 : bounds.lastId;
      return new EventPage([text(id)], bounds);
    },
  };
  for (const [time, after] of [
    [0, 0],
    [10, 0],
    [11, 1],
    [7_654_321, 765_432],
    [10_000_000, 999_999],
    [10_000_001, 1_000_000],
  ] as const) {
    scans = 0;
    expect(await findStart(storage, 'a', time)).toMatchObject({ after });
    expect(scans).toBeLessThanOrEqual(22);
  }
});

/** A store in memory, with what each step of an index took: called before the step is made. */
async function openWithSteps(beforeStep: (count: number) => void | Promise<void> = () => {}) {
  const storage = new MemoryStorage();
  const { advance } = storage.indices;
  const steps: number[] = [];
  storage.indices.advance = async (scope, step) => {
    steps.push(step.to - step.from);
    await beforeStep(steps.length);
    return advance(scope, step);
  };
  const store = await openEventStore(() => storage);
  const progress = () => storage.indices.progress({ channel: 'a', type: undefined, field: 'type' });
  await store.append(
    'a',
    Array.from({ length: 10_000 }, () => ({ from: 'f', type: 't' })),
  );
  return { store, steps, progress };
}

const TYPES = { id: 'types', channel: 'a', field: 'type' };

it('builds an index ahead of its first read, in small steps', async () => {
  const { store, steps, progress } = await openWithSteps();
  await store.createIndex(TYPES);
  await expect.poll(progress).toBe(10_000);
  expect(Math.max(...steps)).toBeLessThanOrEqual(INDEX_STEP / 4);
  const before = steps.length;
  expect(await store.readIndex({ id: 'types', value: 't', limit: 1 })).toMatchObject({ rows: { count: 1 } });
  expect(steps).toHaveLength(before);
  await store.close();
});

it('hurries once somebody waits for the index', async () => {
  const asked = gate();
  const { store, steps } = await openWithSteps((count) => (count === 2 ? asked.opened : undefined));
  await store.createIndex(TYPES);
  await expect.poll(() => steps.length).toBe(2);
  const reading = store.readIndex({ id: 'types', value: 't', limit: 20_000 });
  // It has to find the definition before it waits.
  await new Promise((resolve) => setImmediate(resolve));
  asked.open();
  expect((await reading).rows.count).toBe(10_000);
  expect(new Set(steps.slice(2, -1))).toEqual(new Set([INDEX_STEP]));
  await store.close();
});

it('goes on where it was when the index is defined again', async () => {
  let away = true;
  const { store, progress } = await openWithSteps((count) => {
    if (count === 3 && away) throw new EventsError('ServiceUnavailable', 'away');
  });
  await store.createIndex(TYPES);
  await expect.poll(progress).toBe(INDEX_STEP / 2);
  away = false;
  await store.createIndex(TYPES);
  await expect.poll(progress).toBe(10_000);
  await store.close();
});

it('ends the catch-up of an index that is read at its next step when it is closed', async () => {
  let closing: Promise<void> | undefined;
  const { store, steps } = await openWithSteps((count) => {
    if (count === 2) closing = store.close();
  });
  await store.createIndex(TYPES);
  const reading = store.readIndex({ id: 'types', value: 't', limit: 1 });
  await expect(reading).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  await closing;
  expect(steps).toHaveLength(2);
});

it('ends to build an index at its next step when it is closed', async () => {
  const { store, steps } = await openWithSteps((count) => {
    if (count === 2) void store.close();
  });
  await store.createIndex(TYPES);
  await expect.poll(() => steps.length).toBe(2);
  await store.close();
  expect(steps).toHaveLength(2);
});

it('tells observers how calls have ended, until they ask it not to', async () => {
  const store = await openMemoryStore();
  const told: unknown[] = [];
  const stop = store.observe((call, durationMs, error) => {
    expect(durationMs).toBeGreaterThanOrEqual(0);
    told.push([call, (error as { code?: string } | undefined)?.code]);
  });
  await store.ping();
  await store.readIndex({ id: 'none', value: '', limit: 1 }).catch(() => {});
  await store.poll({ channel: 'a', after: 0, limit: 1 }, { timeoutMs: 0 });
  stop();
  await store.ping();
  expect(told).toEqual([
    ['ping', undefined],
    ['readIndex', 'ResourceNotFound'],
  ]);
  await store.close();
});

it('asks who reads an index whether it may, before anything is read or written', async () => {
  const storage = new MemoryStorage();
  const store = await openEventStore(() => storage);
  await store.append('a', [{ from: 'f', type: 't' }]);
  await store.createIndex({ id: 'types', channel: 'a', field: 'type' });
  const cursor = { id: 'types', value: 't', limit: 1 };
  const refuse = () => {
    throw new Error('not yours');
  };
  await expect(store.readIndex(cursor, { allow: refuse })).rejects.toThrow('not yours');
  const scope = { channel: 'a', type: undefined, field: 'type' };
  expect(await storage.indices.progress(scope)).toBe(0);
  const asked: unknown[] = [];
  await store.readIndex(cursor, { allow: (index) => asked.push(index) });
  expect(asked).toEqual([{ id: 'types', channel: 'a', field: 'type' }]);
  await store.close();
});
