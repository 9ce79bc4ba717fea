import { expect, it } from 'vitest';
import { excess } from '../src/retention/excess.js';

it.each([
  [1_000_000, 0, 0],
  [9, 10, 0],
  [11, 10, 0],
  [12, 10, 2],
  [110, 100, 0],
  [111, 100, 11],
  [1, 1, 0],
  [2, 1, 1],
])('of %i events, of which %i are kept, drops %i', (kept, maxEvents, dropped) => {
  expect(excess(kept, maxEvents)).toBe(dropped);
});
