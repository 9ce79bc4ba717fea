// Polls that wait and wait: what each of them takes of memory, and all of them of the processor.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { limit, ours } from './harness/contenders.mjs';
import { against, inTurn, median, medianOf, ratioOf, row, startLoad } from './harness/measure.mjs';
import { cpuSeconds, residentBytes } from './harness/process-figures.mjs';
import { startRedis } from './harness/redis.mjs';

const COLLECT = [
  '--expose-gc',
  // Otherwise the young generation grows while requests arrive, or not, by as much as the polls hold.
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
  '--import',
  fileURLToPath(new URL('./harness/collect-on-signal.mjs', import.meta.url)),
];

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'waiting polls',
  work: '10,000 polls wait on 1,000 channels: resident memory of each, processor time while nothing happens',
  async run({ quick, rounds }) {
    const size = quick ? { polls: 100, channels: 10 } : { polls: 10_000, channels: 1_000 };
    const redis = await startRedis();
    try {
      const options = { nodeOptions: COLLECT };
      const contenders = [ours(redis, options), ours(undefined, options), limit('park', options)];
      const results = await inTurn(contenders, quick ? 1 : Math.min(rounds, 2), async ({ port, pid }) => {
        // The first polls compile code and fill what the heap has free; they stay, so that it remains full.
        const first = startLoad('waitingPolls', {
          port,
          polls: Math.ceil(size.polls / 5),
          channels: size.channels,
        });
        await first.told;
        await settle(pid, quick ? 200 : 1_000);
        const before = residentBytes(pid);
        const load = startLoad('waitingPolls', { port, ...size });
        await load.told;
        await settle(pid, quick ? 200 : 1_000);
        const bytes = (residentBytes(pid) - before) / size.polls;
        const cpu = await idleLoad(pid, quick ? 0.1 : 5);
        await load.stop();
        await first.stop();
        return { bytes, cpu };
      });
      const bytes = (/** @type {{ bytes: number }} */ figures) => figures.bytes;
      return [...results.keys()].map((name) => {
        const cpu = medianOf(results, name, (figures) => figures.cpu) ?? 0;
        const kilobytes = (medianOf(results, name, bytes) ?? 0) / 1024;
        const figure = `${kilobytes.toFixed(1)} KiB each, ${(cpu * 100).toFixed(1)} % of a core`;
        if (name === 'limit') return row(name, figure);
        const shown = row(name, figure, [
          against(ratioOf(results, name, 'limit', bytes), 'limit', { atMost: 1.3 }),
        ]);
        return {
          ...shown,
          targets: [...(shown.targets ?? []), { text: '< 2 % of a core', reached: cpu < 0.02 }],
        };
      });
    } finally {
      await redis.stop();
    }
  },
};

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
