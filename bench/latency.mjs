// From client.send to the handler of client.on, sender and receiver each in a process of its own.
import { ours } from './harness/contenders.mjs';
import { inTurn, load, medianOf, ms, row, startLoad } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

const CHANNELS = 50;
const PER_SECOND = 500;

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'latency',
  work: `${PER_SECOND} events/s through client.send → client.on, ${CHANNELS} channels`,
  async run({ quick, rounds }) {
    const warmUp = quick ? 50 : PER_SECOND;
    const count = quick ? 100 : 8 * PER_SECOND;
    const redis = await startRedis();
    try {
      const results = await inTurn([ours(redis), ours(undefined)], Math.min(rounds, 2), async ({ port }) => {
        const both = { peer: 'ours', port, channels: CHANNELS };
        const consumer = startLoad('consume', { ...both, warmUp, count, withinS: 60 });
        await consumer.told;
        await load('produce', { ...both, perSecond: PER_SECOND, count: warmUp + count });
        return /** @type {Promise<{ p50: number, p99: number, max: number }>} */ (consumer.done);
      });
      return [...results.keys()].map((name) => {
        const p50 = medianOf(results, name, (figures) => figures.p50) ?? 0;
        const p99 = medianOf(results, name, (figures) => figures.p99) ?? 0;
        const max = medianOf(results, name, (figures) => figures.max) ?? 0;
        return {
          ...row(name, `p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)}`),
          targets: [
            { text: 'p50 ≤ 3 ms', reached: p50 <= 3 },
            { text: 'p99 ≤ 15 ms', reached: p99 <= 15 },
          ],
        };
      });
    } finally {
      await redis.stop();
    }
  },
};
