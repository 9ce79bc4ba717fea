import { describe, expect, it } from 'vitest';
import { planOf, STORAGES } from './plan.mjs';
import { play } from './round.mjs';

describe.each([
  ['embedded', 101],
  ['redis', 102],
])('a short round of faults on %s', (storage, seed) => {
  it('loses, repeats, reorders and hides nothing', async () => {
    const plan = planOf({ storage, seed, seconds: 12, minReplicas: 0, rewinds: true });
    const { violations, history } = await play(plan);
    expect(violations, `npm run faults -- --storage ${storage} --seed ${seed} --minutes 0.2`).toEqual([]);
    expect(history.filter(({ kind }) => kind === 'event').length).toBeGreaterThan(100);
  });
});

it('the same seed makes the same plan, on every storage', () => {
  for (const storage of Object.keys(STORAGES)) {
    const plan = () => planOf({ storage, seed: 7, seconds: 60, minReplicas: 1, rewinds: true });
    expect(plan()).toEqual(plan());
    expect(plan().steps.length).toBeGreaterThan(10);
  }
});
