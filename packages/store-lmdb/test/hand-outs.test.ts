import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { Process } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { newDirectory } from './directories.js';

const take = { clientId: 'worker', limit: 100, timeoutMs: 0 };
const ORDERED = { order: 'data.user', backoffMs: [0], maxDeliveries: 2 };
const users = [1, 1, 2].map((user) => ({ from: 'f', type: 't', data: { user } }));

interface Given {
  readonly id: number;
  readonly delivery: { readonly token: string; readonly count: number };
}

const acknowledge = ({ id, delivery: { token } }: Given) => ({ kind: 'acknowledge', id, token }) as const;
const idsOf = (events: readonly Given[]) => events.map(({ id }) => id);

/** A store in a process of its own. */
class RemoteStore {
  readonly process: Process;
  #calls = 0;

  constructor(dataDir: string) {
    this.process = Process.node(new URL('children/store-by-line.mjs', import.meta.url), [dataDir], {
      keepInputOpen: true,
    });
  }

  /** Resolves with the number of the call, by which `result` knows it. */
  begin(method: string, ...args: readonly unknown[]): number {
    this.process.write(`${JSON.stringify([method, ...args])}\n`);
    return ++this.#calls;
  }

  /** What the first so many answers hold of a call; undefined if it is not among them. */
  async result<T>(call: number, answers: number): Promise<T | undefined> {
    await this.process.line(answers);
    const all = this.process.lines.slice(1).map((line) => JSON.parse(line) as { call: number; result: T });
    return all.find((answer) => answer.call === call)?.result;
  }
}

/** A store with a group and three events. */
async function newStore(dataDir: string): Promise<RemoteStore> {
  const store = new RemoteStore(dataDir);
  await store.process.line(0);
  store.begin('saveGroup', 'a', 'g', ORDERED);
  store.begin('append', 'a', users);
  await store.process.line(2);
  return store;
}

/** From now on commits of a store do not end. */
async function lockOf(dataDir: string): Promise<Process> {
  const script = new URL('children/write-lock.mjs', import.meta.url);
  const lock = Process.node(script, [join(dataDir, 'events.mdb')], { keepInputOpen: true });
  await lock.line(0);
  return lock;
}

/** A store with a group that has handed out nothing yet, and whose commits do not end. */
async function stoppedStore(dataDir: string): Promise<{ store: RemoteStore; lock: Process }> {
  return { store: await newStore(dataDir), lock: await lockOf(dataDir) };
}

async function release(lock: Process): Promise<void> {
  lock.write('x');
  expect(await lock.exited()).toBe(0);
}

/** The hand-out of events 1 and 3 is unknown to a store: they are handed out again, and nothing that is said of the first time holds. */
async function expectUnknown(dataDir: string, lost: readonly Given[]): Promise<void> {
  const store = await openLmdbStore({ dataDir });
  expect(idsOf(lost)).toEqual([1, 3]);
  const stale = [
    ...lost.map(acknowledge),
    ...lost.map(({ id, delivery: { token } }) => ({ kind: 'reject', id, token, reason: 'bad' }) as const),
    ...lost.map(({ id, delivery: { token } }) => ({ kind: 'extend', id, token }) as const),
  ];
  const none = stale.map(() => false);
  expect(await store.settle('a', 'g', stale), 'before they are handed out again').toEqual(none);
  const { events } = await store.receive('a', 'g', take);
  expect(idsOf(events)).toEqual([1, 3]);
  expect(events.map(({ delivery }) => delivery.count)).toEqual([1, 1]);
  expect(await store.settle('a', 'g', stale), 'and after it').toEqual(none);
  expect(await store.groups('a')).toMatchObject([{ pending: 2, heldBack: 1, after: 3, redelivered: 0 }]);
  expect((await store.receive('a', 'g', take)).events, 'the order holds').toEqual([]);
  expect(await store.settle('a', 'g', events.map(acknowledge))).toEqual([true, true]);
  const next = await store.receive('a', 'g', take);
  expect(idsOf(next.events)).toEqual([2]);
  expect(await store.settle('a', 'g', next.events.map(acknowledge))).toEqual([true]);
  expect(await store.groups('a')).toMatchObject([{ pending: 0, heldBack: 0, deadLetters: 0 }]);
  await store.close();
}

describe('what is handed out', () => {
  it('is told before it is on disk, and handed out again if the process is killed then', async () => {
    const dataDir = newDirectory();
    const { store, lock } = await stoppedStore(dataDir);
    const received = store.begin('receive', 'a', 'g', take);
    const given = await store.result<{ events: Given[] }>(received, 3);
    await store.process.stop('SIGKILL');
    await release(lock);
    await expectUnknown(dataDir, given?.events ?? []);
  });

  it('is settled once it is on disk', async () => {
    const dataDir = newDirectory();
    const { store, lock } = await stoppedStore(dataDir);
    const received = store.begin('receive', 'a', 'g', take);
    const { events = [] } = (await store.result<{ events: Given[] }>(received, 3)) ?? {};
    const settled = store.begin('settle', 'a', 'g', events.map(acknowledge));
    const listed = store.begin('groups', 'a');
    const read = store.begin('read', { channel: 'a', after: 0, limit: 1 });
    expect(await store.result(read, 4), 'reads do not wait').toBeDefined();
    await release(lock);
    expect(await store.result(settled, 6)).toEqual([true, true]);
    expect(await store.result(listed, 6)).toMatchObject([{ group: 'g', pending: expect.any(Number) }]);
    await store.process.stop('SIGKILL');
  });

  it('with what is settled is told once that is on disk', async () => {
    const dataDir = newDirectory();
    const store = await newStore(dataDir);
    const first = store.begin('receive', 'a', 'g', { ...take, limit: 1 });
    const { events = [] } = (await store.result<{ events: Given[] }>(first, 3)) ?? {};
    // It waits until that is on disk.
    await store.result(store.begin('groups', 'a'), 4);
    const lock = await lockOf(dataDir);
    const received = store.begin('receive', 'a', 'g', { ...take, settle: events.map(acknowledge) });
    const read = store.begin('read', { channel: 'a', after: 0, limit: 1 });
    expect(await store.result(read, 5)).toBeDefined();
    expect(store.process.lines).toHaveLength(6);
    await release(lock);
    expect(await store.result(received, 6)).toMatchObject({
      settled: [true],
      events: [{ id: 2 }, { id: 3 }],
    });
    await store.process.stop('SIGKILL');
  });

  it('is handed out again if its commit fails', async ({ skip }) => {
    if (spawnSync('prlimit', ['--version']).status !== 0) skip('there is no prlimit');
    const limit = (bytes: string) =>
      expect(
        spawnSync('prlimit', [`--fsize=${bytes}:unlimited`, '--pid', String(store.process.pid)]).status,
      ).toBe(0);
    const dataDir = newDirectory();
    const { store, lock } = await stoppedStore(dataDir);
    const received = store.begin('receive', 'a', 'g', take);
    expect((await store.result<{ events: Given[] }>(received, 3))?.events).toHaveLength(2);
    limit('4096');
    const other = store.begin('receive', 'a', 'g', { ...take, clientId: 'other' });
    await release(lock);
    const given = await store.result<{ events: Given[] }>(other, 4);
    limit('unlimited');
    expect(idsOf(given?.events ?? [])).toEqual([1, 3]);
    await store.process.stop('SIGKILL');
  });

  it('is handed out again by a store that is restored from before it', async () => {
    const [dataDir, copy] = [newDirectory(), newDirectory()];
    const before = await openLmdbStore({ dataDir });
    await before.saveGroup('a', 'g', ORDERED);
    await before.append('a', users);
    await before.close();
    cpSync(dataDir, copy, { recursive: true });
    const store = await openLmdbStore({ dataDir });
    const { events } = await store.receive('a', 'g', take);
    await store.close();
    await expectUnknown(copy, events);
  });
});
