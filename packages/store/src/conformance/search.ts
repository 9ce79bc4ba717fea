import fc from 'fast-check';

/** By the environment: how many cases each search tries, or for how many minutes it searches, and where it begins. */
const { MODEL_RUNS, MODEL_MINUTES, MODEL_SEED, MODEL_PATH } = process.env;

/** For a test that searches: without end if it was asked to search longer. */
export const searchTimeoutMs = MODEL_RUNS || MODEL_MINUTES ? 0 : 600_000;

/** Of the real clock: a search may be of what happens on another one. */
const { now } = Date;

/** Cases between two looks at the clock. */
const AT_ONCE = 100;

/** For how long it looks for a shorter case once it has found one, milliseconds. */
const SHRINK_MS = 60_000;

/**
 * Searches for a case that `tries` rejects: among `runs` of them, unless the environment asks for more. It throws an error
 * with the shortest case that it finds, and its seed.
 */
export async function search<T>(
  cases: fc.Arbitrary<T>,
  runs: number,
  tries: (one: T) => Promise<void>,
): Promise<void> {
  let deadline = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(cases, async (one) => {
    if (now() > deadline) return;
    try {
      await tries(one);
    } catch (error) {
      deadline = Math.min(deadline, now() + SHRINK_MS);
      throw error;
    }
  });
  if (MODEL_MINUTES === undefined) {
    const seed = MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) };
    const path = MODEL_PATH === undefined ? {} : { path: MODEL_PATH };
    await fc.assert(property, { numRuns: Number(MODEL_RUNS ?? runs), ...seed, ...path });
    return;
  }
  const end = now() + Number(MODEL_MINUTES) * 60_000;
  let seed = Number(MODEL_SEED ?? now()) | 0;
  while (now() < end) await fc.assert(property, { numRuns: AT_ONCE, seed: seed++ });
}
