import { MAX_NAME_LENGTH } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';
import { type EventStore, openEventStore, STORE_CALLS } from '../src/event-store.js';
import { openMemoryStore } from '../src/memory/index.js';
import { MemoryStorage } from '../src/memory/memory-storage.js';
import type { Append } from '../src/storage.js';

const event = { from: 'f', type: 't' };
const index = { id: 'types', channel: 'a', field: 'type' };

/** What each call of a store is called to its observers. */
const CALLS: readonly (readonly [string, (store: EventStore) => Promise<unknown>])[] = [
  ['append', (store) => store.append('a', [event])],
  ['read', (store) => store.read({ channel: 'a', after: 0, limit: 1 })],
  ['latest', (store) => store.latest({ channel: 'a', limit: 1 })],
  ['loadCursor', (store) => store.loadCursor('c', 'a')],
  ['saveCursor', (store) => store.saveCursor('c', 'a', 1)],
  ['findStart', (store) => store.cursorAt('a', 1)],
  ['createIndex', (store) => store.createIndex(index)],
  ['indices', (store) => store.indices()],
  ['readIndex', (store) => store.readIndex({ id: 'types', value: 't', limit: 1 })],
  ['saveGroup', (store) => store.saveGroup('a', 'g')],
  ['settle', (store) => store.settle('a', 'g', [])],
  ['redrive', (store) => store.redrive('a', 'g', { limit: 1 })],
  ['groups', (store) => store.groups('a')],
  ['deleteGroup', (store) => store.deleteGroup('a', 'g')],
  ['channels', (store) => store.channels({ limit: 1 })],
  ['consumers', (store) => store.consumers('a', { limit: 1 })],
  ['deleteConsumer', (store) => store.deleteConsumer('c', 'a')],
  ['deleteChannel', (store) => store.deleteChannel('a')],
  ['trim', (store) => store.trim('a', { id: 1 })],
  ['redact', (store) => store.redact('a', [1])],
  ['ping', (store) => store.ping()],
];

it('tells observers of every call by its name, and how long it took', async () => {
  const store = await openMemoryStore();
  const told: string[] = [];
  const startedAt = performance.now();
  store.observe((call, durationMs) => {
    told.push(call);
    expect(durationMs).toBeLessThanOrEqual(performance.now() - startedAt);
  });
  for (const [, call] of CALLS) await call(store);
  expect(told).toEqual(STORE_CALLS);
  expect(told).toEqual(CALLS.map(([name]) => name));
  await store.close();
});

it.each(CALLS)('says on %s that it is closed', async (_name, call) => {
  const store = await openMemoryStore();
  await store.close();
  await expect(call(store)).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    message: 'The event store is closed',
  });
});

const names: [what: string, call: (store: EventStore, name: string) => Promise<unknown>][] = [
  ['Channel', (store, channel) => store.read({ channel, after: 0, limit: 1 })],
  ['Client ID', (store, clientId) => store.saveCursor(clientId, 'a', 1)],
  ['index ID', (store, id) => store.createIndex({ ...index, id })],
  ['group', (store, group) => store.saveGroup('a', group)],
  ['field', (store, field) => store.createIndex({ ...index, field })],
];

it.each(names)('refuses a %s that is empty or too long, and says so', async (what, call) => {
  const store = await openMemoryStore();
  for (const length of [0, MAX_NAME_LENGTH + 1]) {
    await expect(call(store, 'x'.repeat(length))).rejects.toMatchObject({
      code: 'InvalidContent',
      message: `Invalid ${what}: expected 1 to ${MAX_NAME_LENGTH} characters, got ${length}`,
    });
  }
  await call(store, 'x'.repeat(MAX_NAME_LENGTH));
  await store.close();
});

it('gives the storage the size of an append, and hashes of 22 characters by which to know it again', async () => {
  const appends: Append[] = [];
  class Recording extends MemoryStorage {
    override append(append: Append) {
      appends.push(append);
      return super.append(append);
    }
  }
  const store = await openEventStore(() => new Recording());
  const idempotency = { clientId: 'c', key: 'k' };
  await store.append('a', [event, { ...event, data: { text: 'é' } }], { idempotency });
  const [append] = appends;
  expect(append?.bytes).toBe(append?.events.reduce((sum, { text }) => sum + text.length, 0));
  expect(append?.idempotency).toEqual({
    scope: expect.stringMatching(/^[\w-]{22}$/),
    fingerprint: expect.stringMatching(/^[\w-]{22}$/),
    windowMs: 600_000,
  });
  await store.close();
});

it('says for what an idempotency key was used', async () => {
  const store = await openMemoryStore();
  const idempotency = { clientId: 'c', key: 'k' };
  await store.append('a', [event], { idempotency });
  await expect(store.append('a', [event, event], { idempotency })).rejects.toThrow(
    'Idempotency-Key "k" of client "c": expected the events that it was used for first, got others',
  );
  await store.close();
});

it('no longer answers polls with what was dropped', async () => {
  const storage = new MemoryStorage();
  const store = await openEventStore(() => storage);
  const poll = () => store.poll({ channel: 'a', after: 0, limit: 10 }, { timeoutMs: 10_000 });
  const first = poll();
  await store.append('a', [event]);
  await first;
  await store.append('a', [event, event]);
  expect((await poll()).count).toBe(3);
  await storage.channels.trim('a', { maxEvents: 1, maxAgeMs: 0, now: Date.now() });
  expect(await poll()).toMatchObject({ count: 1, firstId: 3, lastId: 3 });
  await store.close();
});

it('closes its storage once the reads of indices that were running have ended', async () => {
  const order: string[] = [];
  class Slow extends MemoryStorage {
    override async close() {
      order.push('closed');
    }
  }
  const storage = new Slow();
  const { advance } = storage.indices;
  let closing: Promise<void> | undefined;
  storage.indices.advance = async (...args) => {
    closing = store.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    order.push('advanced');
    return advance(...args);
  };
  const store = await openEventStore(() => storage);
  await store.append('a', [event]);
  await store.createIndex(index);
  await store.readIndex({ id: 'types', value: 't', limit: 1 }).catch(() => {});
  await closing;
  expect(order).toEqual(['advanced', 'closed']);
});

it('reads two indices at once, each up to its end', async () => {
  const store = await openMemoryStore();
  await store.append('a', [event, { ...event, from: 'g' }]);
  await store.createIndex(index);
  await store.createIndex({ ...index, id: 'froms', field: 'from' });
  const [types, froms] = await Promise.all([
    store.readIndex({ id: 'types', value: 't', limit: 10 }),
    store.readIndex({ id: 'froms', value: 'g', limit: 10 }),
  ]);
  expect([types.rows.count, froms.rows.count]).toEqual([2, 1]);
  await expect(store.readIndex({ id: 'x', value: '', limit: 1 })).rejects.toThrow('Index "x" does not exist');
  await store.close();
});
