import { join } from 'node:path';
import { openLmdbStore, verifyLmdbStore } from '@ganomede/events-store-lmdb';
import { Process } from '@ganomede/events-testing';
import { open } from 'lmdb';
import { expect, it, onTestFinished, vi } from 'vitest';
import { newDirectory } from './directories.js';

const YEAR_MS = 365 * 86_400_000;

const take = { clientId: 'worker', limit: 100, timeoutMs: 0 };

it('leases last as long as they are to, whatever a clock is set to, over a restart too', async () => {
  const dataDir = newDirectory();
  const now = 2_000_000_000_000;
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now });
  onTestFinished(() => void vi.useRealTimers());
  let store = await openLmdbStore({ dataDir });
  const received = async () => (await store.receive('a', 'g', { ...take, leaseMs: 60_000 })).events.length;
  await store.saveGroup('a', 'g', { backoffMs: [0] });
  await store.append('a', [{ from: 'f', type: 't' }]);
  expect(await received()).toBe(1);
  vi.setSystemTime(now + YEAR_MS);
  expect(await received(), 'set ahead').toBe(0);
  vi.setSystemTime(now - YEAR_MS);
  expect(await received(), 'set back').toBe(0);
  await store.close();
  store = await openLmdbStore({ dataDir });
  expect(await received()).toBe(0);
  vi.advanceTimersByTime(60_000);
  expect(await received(), 'its lease has ended').toBe(1);
  await store.close();
});

it('forgets the keys of dead letters after their own window, and bounds no other by it', async () => {
  const dataDir = newDirectory();
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 2_000_000_000_000 });
  onTestFinished(() => void vi.useRealTimers());
  const append = async (key: string) => {
    const store = await openLmdbStore({ dataDir, idempotencyWindowMs: 60_000 });
    const idempotency = { clientId: 'c', key };
    const [header] = await store.append('a', [{ from: 'f', type: 't' }], { idempotency });
    await store.close();
    return header?.id;
  };
  expect(await append('k')).toBe(1);
  const store = await openLmdbStore({ dataDir });
  const { events } = await store.receive('a', 'g', take);
  await store.settle(
    'a',
    'g',
    events.map(({ id, delivery }) => ({ kind: 'reject', id, token: delivery.token, reason: 'bad' })),
  );
  await store.close();
  vi.advanceTimersByTime(59_000);
  expect(await append('k')).toBe(1);
  vi.advanceTimersByTime(1_001);
  expect(await append('k')).toBe(2);
  expect(await entries(dataDir)).toEqual(['o', 'o', 'x', 'y']);
  vi.advanceTimersByTime(30 * 86_400_000);
  await append('other');
  expect(await entries(dataDir)).toEqual(['o', 'x']);
});

/** First parts of the keys of idempotency records. */
async function entries(dataDir: string): Promise<unknown[]> {
  const database = open({ path: join(dataDir, 'events.mdb'), noSubdir: true, readOnly: true });
  const kinds = [...database.getKeys()].map((key) => (key as unknown[])[0]);
  await database.close();
  return kinds.filter((kind) => kind === 'o' || kind === 'x' || kind === 'y');
}

it.each([
  [
    'is damaged',
    (value: Buffer) => Buffer.from(value.toString('latin1').replace('leased', 'leaseD'), 'latin1'),
  ],
  ['is that of another', () => undefined],
])('tells that what is known of an event %s', async (_what, spoil) => {
  const dataDir = newDirectory();
  const store = await openLmdbStore({ dataDir });
  await store.append('a', [
    { from: 'f', type: 't' },
    { from: 'f', type: 't' },
  ]);
  const { events } = await store.receive('a:t', 'g', take);
  await store.close();
  expect((await verifyLmdbStore(dataDir)).damage).toEqual([]);

  const path = join(dataDir, 'events.mdb');
  const database = open<Buffer, (string | number)[]>({
    path,
    noSubdir: true,
    overlappingSync: false,
    encoding: 'binary',
  });
  const [one, two] = [1, 2].map((id) => database.get(['r', 1, 'entry', id]) as Buffer);
  await database.put(['r', 1, 'entry', 1], spoil(one as Buffer) ?? (two as Buffer));
  await database.close();

  const message = 'events.mdb is damaged: of group 1 is not as it was stored: entry 1';
  expect((await verifyLmdbStore(dataDir)).damage).toEqual([`Group "g" on channel "a:t": ${message}`]);
  const again = await openLmdbStore({ dataDir });
  const settled = again.settle(
    'a:t',
    'g',
    events.map(({ id, delivery }) => ({ kind: 'acknowledge', id, token: delivery.token })),
  );
  await expect(settled).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  await again.close();
});

it('a worker that is killed loses no event, and no acknowledgement', { timeout: 120_000 }, async () => {
  const dataDir = newDirectory();
  const done = new Set<number>();
  const given = new Set<number>();
  let deliveries = 0;
  for (let round = 0; round < 5; round++) {
    const child = Process.node(new URL('children/worker.mjs', import.meta.url), [dataDir]);
    await child.line(50);
    await child.stop('SIGKILL');
    expect(child.stderr).toBe('');
    for (const line of child.lines) {
      const [what, id] = line.split(' ');
      if (what === 'given') {
        deliveries++;
        given.add(Number(id));
        expect(done, 'acknowledged before').not.toContain(Number(id));
      }
      if (what === 'done') done.add(Number(id));
    }
  }
  expect(deliveries).toBeGreaterThan(done.size);
  expect(done.size).toBeGreaterThan(20);

  const store = await openLmdbStore({ dataDir });
  const { lastId } = await store.latest({ channel: 'orders', limit: 1 });
  const left = new Map<string, number>();
  for (;;) {
    const { events } = await store.receive('orders', 'g', { ...take, limit: 1_000, timeoutMs: 3_000 });
    if (events.length === 0) break;
    for (const { id, text } of events) {
      expect(done).not.toContain(id);
      done.add(id);
      const { user } = (JSON.parse(text.toString()) as { data: { user: string } }).data;
      expect(id, 'in order').toBeGreaterThan(left.get(user) ?? 0);
      left.set(user, id);
    }
    await store.settle(
      'orders',
      'g',
      events.map(({ id, delivery }) => ({ kind: 'acknowledge', id, token: delivery.token })),
    );
  }
  // Some were acknowledged when the worker was killed before it could tell.
  for (let id = 1; id <= lastId; id++) expect(done.has(id) || given.has(id), `event ${id}`).toBe(true);
  expect(await store.groups('orders')).toMatchObject([{ pending: 0, heldBack: 0, after: lastId }]);
  await store.close();
  expect((await verifyLmdbStore(dataDir)).damage).toEqual([]);
});
