// What a server holds of requests that wait.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median, startLoad } from './measure.mjs';
import { cpuSeconds, residentBytes } from './process-figures.mjs';

/** For the server that is measured. */
export const COLLECTS_GARBAGE = [
  '--expose-gc',
  // Otherwise the young generation grows while requests arrive, or not, by as much as the requests hold.
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
  '--import',
  fileURLToPath(new URL('./collect-on-signal.mjs', import.meta.url)),
];

/**
 * Resident memory that requests take while they wait, and processor time of each second in which nothing happens.
 *
 * @param {import('./contenders.mjs').Server} server  that collects garbage
 * @param {string} task  of a load process, which opens the requests and holds them
 * @param {object} options  of the task
 * @param {object} warmUp  of the task that comes before
 * @param {boolean} quick
 */
export async function held({ port, pid }, task, options, warmUp, quick) {
  // The first requests compile code and fill what the heap has free; they stay, so that it remains full.
  const first = startLoad(task, { port, ...warmUp });
  await first.told;
  await settle(pid, quick ? 200 : 1_000);
  const before = residentBytes(pid);
  const load = startLoad(task, { port, ...options });
  await load.told;
  await settle(pid, quick ? 200 : 1_000);
  const bytes = residentBytes(pid) - before;
  // A request that is answered fails its load: then nothing is held.
  const cpu = await Promise.race([idleLoad(pid, quick ? 0.1 : 5), load.done, first.done]);
  await load.stop();
  await first.stop();
  return { bytes, cpu };
}

/** Garbage is collected, twice: what waits for the first time to be finalised goes with the second. @param {number} pid @param {number} eachMs */
async function settle(pid, eachMs) {
  for (let i = 0; i < 2; i++) {
    process.kill(pid, 'SIGUSR2');
    await sleep(eachMs);
  }
}

/**
 * Processor time for each second, of six periods the median: some time after much has happened V8 collects garbage once
 * more. Every five seconds a store may look whether it has missed something.
 *
 * @param {number} pid @param {number} periodS
 */
async function idleLoad(pid, periodS) {
  const loads = [];
  for (let i = 0; i < 6; i++) {
    const busy = cpuSeconds(pid);
    await sleep(periodS * 1000);
    loads.push((cpuSeconds(pid) - busy) / periodS);
  }
  return median(loads);
}
