// Connections that are each for many channels, beside polls, each for one: what they take while nothing happens.
import { ours } from './harness/contenders.mjs';
import { COLLECTS_GARBAGE, held } from './harness/held.mjs';
import { inTurn, medianOf, row } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

/** Of one stream. */
const CHANNELS = 10;

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'waiting streams',
  work: '10,000 streams of 10 channels, and as many polls of one, wait on 1,000 channels: resident memory of each, processor time while nothing happens but heartbeats',
  async run({ quick, rounds }) {
    const size = quick ? { count: 100, channels: 10 } : { count: 10_000, channels: 1_000 };
    const redis = await startRedis();
    try {
      const contenders = [redis, undefined].flatMap((store) =>
        /** @type {const} */ (['streams', 'polls']).map((kind) => {
          const contender = ours(store, { nodeOptions: COLLECTS_GARBAGE });
          return { ...contender, name: `${kind}, ${store ? 'Redis' : 'embedded'}`, kind };
        }),
      );
      const results = await inTurn(contenders, quick ? 1 : Math.min(rounds, 2), async (server, { kind }) => {
        const { count, channels } = size;
        const [task, options] =
          kind === 'streams'
            ? ['waitingStreams', { streams: count, each: CHANNELS, channels }]
            : ['waitingPolls', { polls: count, channels }];
        const few = Math.ceil(count / 5);
        const warmUp = kind === 'streams' ? { ...options, streams: few } : { ...options, polls: few };
        const { bytes, cpu } = await held(server, task, options, warmUp, quick);
        return { bytes: bytes / count, cpu };
      });
      return [...results.keys()].map((name) => {
        const cpu = medianOf(results, name, (figures) => figures.cpu) ?? 0;
        const kilobytes = (medianOf(results, name, (figures) => figures.bytes) ?? 0) / 1024;
        return row(name, `${kilobytes.toFixed(1)} KiB each, ${(cpu * 100).toFixed(1)} % of a core`);
      });
    } finally {
      await redis.stop();
    }
  },
};
