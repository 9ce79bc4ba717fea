// Polls that wait and wait: what each of them takes of memory, and all of them of the processor.
import { limit, ours } from './harness/contenders.mjs';
import { COLLECTS_GARBAGE, held } from './harness/held.mjs';
import { against, inTurn, medianOf, ratioOf, row } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'waiting polls',
  work: '10,000 polls wait on 1,000 channels: resident memory of each, processor time while nothing happens',
  async run({ quick, rounds }) {
    const size = quick ? { polls: 100, channels: 10 } : { polls: 10_000, channels: 1_000 };
    const redis = await startRedis();
    try {
      const options = { nodeOptions: COLLECTS_GARBAGE };
      const contenders = [ours(redis, options), ours(undefined, options), limit('park', options)];
      const results = await inTurn(contenders, quick ? 1 : Math.min(rounds, 2), async (server) => {
        const warmUp = { ...size, polls: Math.ceil(size.polls / 5) };
        const { bytes, cpu } = await held(server, 'waitingPolls', size, warmUp, quick);
        return { bytes: bytes / size.polls, cpu };
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
