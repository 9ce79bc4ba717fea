import { expect, it } from 'vitest';
import { openEventStore } from '../src/event-store.js';
import { MemoryStorage } from '../src/memory/memory-storage.js';

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
