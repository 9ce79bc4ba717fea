import { expect, it } from 'vitest';
import { openEventStore } from '../src/event-store.js';
import { MemoryStorage } from '../src/memory/memory-storage.js';
import type { Storage, StorageListener } from '../src/storage.js';

/** Counts the calls that read events. */
class Counting extends MemoryStorage {
  scans = 0;

  override scan(...args: Parameters<MemoryStorage['scan']>) {
    this.scans++;
    return super.scan(...args);
  }
}

const event = (type: string) => ({ from: 'f', type });

it('a group of one type that waits is not asked again for each event of others', async () => {
  const storage = new Counting();
  const store = await openEventStore(() => storage);
  const { work } = storage.groups;
  let steps = 0;
  storage.groups.work = (...args) => {
    steps++;
    return work.apply(storage.groups, args);
  };
  await store.append('a', [event('x')]);
  const receive = (timeoutMs: number) => store.receive('a:x', 'g', { clientId: 'c', limit: 1, timeoutMs });
  await receive(0);
  const waiting = receive(10_000);
  while (store.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  const before = { scans: storage.scans, steps };
  for (let i = 0; i < 50; i++) {
    await store.append('a', Array(100).fill(event('y')));
    while (store.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect({ scans: storage.scans, steps }).toEqual(before);
  await store.append('a', [event('x')]);
  expect((await waiting).events).toMatchObject([{ id: 5_002 }]);
  expect({ scans: storage.scans, steps }).toEqual({ ...before, steps: before.steps + 1 });
  await store.close();
});

/** What the storage is now, or a part of it. */
function current<Part extends object>(part: () => Part, own: Partial<Part> = {}): Part {
  return new Proxy(own as Part, {
    get(_, name) {
      if (name in own) return Reflect.get(own, name);
      const value = Reflect.get(part(), name);
      return typeof value === 'function' ? value.bind(part()) : value;
    },
  });
}

it.each([1, 2, 3])(
  'a group that waits goes on if its store comes back older without a word, %i behind',
  async (count) => {
    let storage = new MemoryStorage();
    let listener: StorageListener | undefined;
    const store = await openEventStore(() =>
      current<Storage>(() => storage, {
        groups: current(() => storage.groups),
        listen: (to) => {
          listener = to;
          storage.listen(to);
        },
      }),
    );
    const receive = (timeoutMs: number) => store.receive('a', 'g', { clientId: 'c', limit: 9, timeoutMs });
    const work = async () => {
      const { events } = await receive(0);
      const settle = events.map(({ id, delivery: { token } }) => ({
        kind: 'acknowledge' as const,
        id,
        token,
      }));
      await store.settle('a', 'g', settle);
    };
    await store.append('a', Array(3).fill(event('x')));
    await work();
    const backup = new MemoryStorage(storage);
    await store.append('a', Array(2).fill(event('lost')));
    await work();
    const waiting = receive(10_000);
    while (store.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    storage = new MemoryStorage(backup);
    storage.listen(listener as StorageListener);
    await store.append('a', Array(count).fill(event('new')));
    expect((await waiting).events.map(({ id }) => id)).toEqual([4, 5, 6].slice(0, count));
    await store.close();
  },
);
