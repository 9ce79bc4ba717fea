import { Random } from './random.mjs';
import { SERVER_FAULTS } from './server-faults.mjs';
import * as cluster from './storages/cluster.mjs';
import * as embedded from './storages/embedded.mjs';
import * as redis from './storages/redis.mjs';
import * as sentinel from './storages/sentinel.mjs';

/** @typedef {import('./service.mjs').Service} Service */
/**
 * @typedef {object} Storage
 * @property {(owner: import('./owner.mjs').Owner, options: { minReplicas: number }) => Promise<any>} open
 * @property {Record<string, import('./fault.mjs').Fault<any>>} FAULTS
 */

/** @type {Record<string, Storage>} */
export const STORAGES = { embedded, redis, sentinel, cluster };

/**
 * What happens in a round, and when. The same plan makes the same faults happen; what the writers and readers are doing then is
 * never quite the same.
 *
 * @typedef {object} Plan
 * @property {string} storage
 * @property {number} seed
 * @property {number} minReplicas
 * @property {number} seconds
 * @property {Step[]} steps  by time
 */
/** @typedef {{ atMs: number, fault: string, forMs: number, pick: number }} Step */

/** Between the end of a fault and the next one of its lane. */
const PAUSE_MS = /** @type {const} */ ([200, 4_000]);

/** All that can happen on a storage. @param {string} storage */
export const faultsOn = (storage) => ({ ...SERVER_FAULTS, ...STORAGES[storage]?.FAULTS });

/**
 * @param {{ storage: string, seed: number, seconds: number, minReplicas: number, rewinds: boolean }} options  `rewinds`: whether
 *   the store may come back older than it was
 * @returns {Plan}
 */
export function planOf({ storage, seed, seconds, minReplicas, rewinds }) {
  const random = new Random(seed);
  /** @type {Step[]} */
  const steps = [];
  for (const lane of ['servers', 'store']) {
    const faults = Object.entries(faultsOn(storage)).filter(
      ([, fault]) => fault.lane === lane && (rewinds || !fault.rewinds),
    );
    if (faults.length === 0) continue;
    for (let atMs = random.within(PAUSE_MS); ; atMs += random.within(PAUSE_MS)) {
      const [fault, { forMs: range }] = random.oneOf(faults);
      const forMs = random.within(range);
      if (atMs + forMs > seconds * 1_000) break;
      steps.push({ atMs, fault, forMs, pick: random.below(1_000) });
      atMs += forMs;
    }
  }
  steps.sort((a, b) => a.atMs - b.atMs);
  return { storage, seed, minReplicas, seconds, steps };
}
