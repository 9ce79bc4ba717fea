import fc from 'fast-check';

/** By the environment: how many cases each search tries, or for how many minutes it searches, and where it begins. */
const { MODEL_RUNS, MODEL_MINUTES, MODEL_SEED, MODEL_PATH } = process.env;

/** For a test that searches: without end if it was asked to search longer. */
export const searchTimeoutMs = MODEL_RUNS || MODEL_MINUTES ? 0 : 600_000;

/** Cases between two looks at the clock. */
const AT_ONCE = 100;

/**
 * Searches for a case in which a property does not hold: in `runs` of them, unless the environment asks for more. It
 * throws an error with the shortest case that it finds, and its seed.
 */
export async function search<T>(property: fc.IAsyncProperty<T>, runs: number): Promise<void> {
  const seed = MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) };
  const path = MODEL_PATH === undefined ? {} : { path: MODEL_PATH };
  if (MODEL_MINUTES === undefined) {
    await fc.assert(property, { numRuns: Number(MODEL_RUNS ?? runs), ...seed, ...path });
    return;
  }
  const end = Date.now() + Number(MODEL_MINUTES) * 60_000;
  let next = Number(MODEL_SEED ?? Date.now()) | 0;
  while (Date.now() < end) await fc.assert(property, { numRuns: AT_ONCE, seed: next++ });
}
