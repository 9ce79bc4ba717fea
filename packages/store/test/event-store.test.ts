import { expect, it } from 'vitest';
import { openEventStore } from '../src/event-store.js';
import { openMemoryStore } from '../src/memory/index.js';
import { MemoryStorage } from '../src/memory/memory-storage.js';

it.each([
  { idempotencyWindowMs: 0 },
  { retention: { maxEvents: -5 } },
  { retention: { maxEvents: Number.NaN } },
  { retention: { maxAgeMs: 1.5 } },
])('refuses the options %j', async (options) => {
  await expect(openMemoryStore(options)).rejects.toThrow(
    /^Invalid (retention\.)?\w+: expected an integer from [01], got /,
  );
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

it('ends the catch-up of an index at its next step when it is closed', async () => {
  const storage = new MemoryStorage();
  const { advance } = storage.indices;
  let steps = 0;
  let closing: Promise<void> | undefined;
  storage.indices.advance = async (...args) => {
    if (++steps === 2) closing = store.close();
    return advance(...args);
  };
  const store = await openEventStore(() => storage);
  await store.append(
    'a',
    Array.from({ length: 10_000 }, () => ({ from: 'f', type: 't' })),
  );
  await store.createIndex({ id: 'types', channel: 'a', field: 'type' });
  const reading = store.readIndex({ id: 'types', value: 't', limit: 1 });
  await expect(reading).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  await closing;
  expect(steps).toBe(2);
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
