import { expect, it } from 'vitest';
import { Batcher, Batchers, type BatchLimits } from '../src/batcher.js';

interface Item {
  readonly n: number;
  readonly bytes: number;
}

/** A queue whose groups end one at a time, by hand. */
function queueByHand(limits: BatchLimits) {
  const groups: number[][] = [];
  const ends: (() => void)[] = [];
  const queue = new Batcher<Item>((group) => {
    groups.push(group.map(({ n }) => n));
    return new Promise((resolve) => ends.push(resolve));
  }, limits);
  const endNext = async () => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, groups, endNext };
}

it('writes what comes in one turn together, and what comes meanwhile with the next group', async () => {
  const { queue, groups, endNext } = queueByHand({ items: 100, bytes: 100 });
  expect(queue.running).toBeUndefined();
  for (const n of [1, 2]) queue.push({ n, bytes: 1 });
  expect(groups).toEqual([]);
  await endNext();
  for (const n of [3, 4, 5]) queue.push({ n, bytes: 1 });
  expect(groups).toEqual([[1, 2]]);
  await endNext();
  expect(groups).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  await endNext();
  expect(queue.running).toBeUndefined();
  queue.push({ n: 6, bytes: 1 });
  await endNext();
  expect(groups.at(-1)).toEqual([6]);
});

it('bounds a group by number and by bytes, but writes a larger item alone', async () => {
  const { queue, groups, endNext } = queueByHand({ items: 3, bytes: 10 });
  for (const [n, bytes] of [1, 1, 1, 1, 9, 1, 50, 2].entries()) queue.push({ n, bytes });
  for (let i = 0; i < 8; i++) await endNext();
  expect(groups).toEqual([[0, 1, 2], [3, 4], [5], [6], [7]]);
  expect(queue.running).toBeUndefined();
});

it('has a queue for each name, of which none waits for another', async () => {
  const groups: string[] = [];
  const ends = new Map<string, () => void>();
  const queues = new Batchers<Item>(
    (name, group) => {
      groups.push(`${name}: ${group.map(({ n }) => n)}`);
      return new Promise((resolve) => ends.set(name, resolve));
    },
    { items: 100, bytes: 100 },
  );
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await queues.idle();
  queues.push('a', { n: 1, bytes: 1 });
  queues.push('b', { n: 2, bytes: 1 });
  await turn();
  for (const name of ['a', 'b', 'c']) queues.push(name, { n: 3, bytes: 1 });
  ends.get('b')?.();
  await turn();
  expect(groups).toEqual(['a: 1', 'b: 2', 'b: 3', 'c: 3']);
  let idle = false;
  const ended = queues.idle().then(() => {
    idle = true;
  });
  for (const name of ['a', 'b', 'c']) ends.get(name)?.();
  await turn();
  expect([idle, groups.at(-1)]).toEqual([false, 'a: 3']);
  ends.get('a')?.();
  await ended;
  // Idle queues are forgotten, and begin anew.
  queues.push('b', { n: 4, bytes: 1 });
  await turn();
  expect(groups.at(-1)).toBe('b: 4');
  ends.get('b')?.();
  await queues.idle();
});
