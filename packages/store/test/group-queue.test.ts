import { expect, it } from 'vitest';
import { type GroupLimits, GroupQueue } from '../src/group-queue.js';

interface Item {
  readonly n: number;
  readonly bytes: number;
}

/** A queue whose groups end in their order, by hand. */
function queueByHand(limits: GroupLimits) {
  const groups: number[][] = [];
  const ends: (() => void)[] = [];
  const queue = new GroupQueue<Item>((group) => {
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
  expect(queue.length).toBe(0);
});

it('writes several groups at the same time where it may', async () => {
  const { queue, groups, endNext } = queueByHand({ items: 100, bytes: 100, atOnce: 2 });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (const n of [1, 2, 3, 4]) {
    queue.push({ n, bytes: 1 });
    await turn();
  }
  expect(groups).toEqual([[1], [2]]);
  await endNext();
  expect(groups).toEqual([[1], [2], [3, 4]]);
  await endNext();
  expect(queue.running).toBeDefined();
  await endNext();
  expect(queue.running).toBeUndefined();
});
