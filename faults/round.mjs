import { setTimeout as sleep } from 'node:timers/promises';
import { checkHistory } from '@ganomede/events-testing';
import { now } from './fault.mjs';
import { Owner } from './owner.mjs';
import { faultsOn, STORAGES } from './plan.mjs';
import { Workload } from './workload.mjs';

/** How long readers may take to get everything once nothing happens any more. */
const CATCH_UP_MS = 45_000;

/** @typedef {import('./plan.mjs').Plan} Plan */
/**
 * @typedef {object} Outcome
 * @property {import('@ganomede/events-testing').Violation[]} violations
 * @property {readonly import('@ganomede/events-testing').Entry[]} history
 * @property {Map<string, number>} failures  calls that failed, by what the failure was
 * @property {Record<string, string>} logs  of the servers, and of the store if there are any
 * @property {number} start  when the plan began, on the clock of the history
 */

/**
 * Starts servers on a storage and a workload on them, makes happen what the plan says, takes everything back, and judges what
 * writers and readers have noted.
 *
 * @param {Plan} plan
 * @param {(line: string) => void} [say]
 * @returns {Promise<Outcome>}
 */
export async function play(plan, say = () => {}) {
  const owner = new Owner();
  try {
    return await playOn(owner, plan, say);
  } finally {
    await owner[Symbol.asyncDispose]();
  }
}

/** @param {Owner} owner @param {Plan} plan @param {(line: string) => void} say @returns {Promise<Outcome>} */
async function playOn(owner, plan, say) {
  const storage = STORAGES[plan.storage];
  if (storage === undefined) throw new Error(`Unknown storage ${JSON.stringify(plan.storage)}`);
  const stage = await storage.open(owner, plan);
  /** @type {import('./service.mjs').Service} */
  const service = stage.service;
  const workload = owner.owns(new Workload(service.url, plan.seed));
  const faults = faultsOn(plan.storage);
  const start = now();
  const end = start + plan.seconds * 1_000;

  /** @param {'servers' | 'store'} lane */
  const run = async (lane) => {
    for (const { fault: name, atMs, forMs, pick } of plan.steps) {
      const fault = faults[name];
      if (fault === undefined) throw new Error(`Unknown fault ${JSON.stringify(name)}`);
      if (fault.lane !== lane) continue;
      await sleep(Math.max(0, start + atMs - now()));
      // Faults may take longer than was planned.
      if (now() > end) return;
      const since = now();
      await fault.run(stage, { forMs, pick, doubt: workload.doubt.bind(workload) });
      const at = ((since - start) / 1_000).toFixed(1).padStart(7);
      say(`${at} s  ${name}, for ${((now() - since) / 1_000).toFixed(1)} s`);
    }
  };
  try {
    await Promise.all([run('servers'), run('store')]);
    await sleep(Math.max(0, end - now()));
    await service.ready();
    await workload.finish(CATCH_UP_MS);
  } catch (error) {
    const logs = logsOf(stage);
    throw Object.assign(error instanceof Error ? error : new Error(String(error)), {
      outcome: { violations: [], history: workload.entries, failures: workload.failures, logs, start },
    });
  }
  const history = workload.entries;
  const logs = logsOf(stage);
  return { violations: checkHistory(history), history, failures: workload.failures, logs, start };
}

/** @param {{ service: import('./service.mjs').Service, sentinels?: import('@ganomede/events-testing').RedisSentinels }} stage */
const logsOf = ({ service, sentinels }) => ({
  ...Object.fromEntries(service.servers.map(({ port, output }) => [`server-${port}`, output])),
  ...sentinels?.logs,
});
