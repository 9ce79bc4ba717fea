// Many polls wait on one channel; one event is published.
import { limit, nchan, ours } from './harness/contenders.mjs';
import { against, inTurn, load, median, ms, ratioOf, rows } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'fan-out',
  work: '1,000 polls wait on one channel, one publish: time until the last has it',
  async run({ quick, rounds }) {
    const redis = await startRedis();
    try {
      const contenders = [ours(undefined), ours(redis), nchan(), nchan(redis), limit('park')];
      const results = await inTurn(contenders, rounds, async ({ port }, { dialect }) => {
        const size = quick
          ? { polls: 50, warmUp: 0, repetitions: 2, settleMs: 150 }
          : { polls: 1000, warmUp: 8, repetitions: 8, settleMs: 500 };
        const { times } = await load('fanOut', { port, dialect, ...size });
        return { last: median(times) };
      });
      const last = (/** @type {{ last: number }} */ figures) => figures.last;
      const to = (/** @type {string} */ name, /** @type {string} */ reference) =>
        against(
          ratioOf(results, name, reference, last),
          reference,
          reference === 'limit' ? {} : { atMost: 1 },
        );
      return rows(results, last, ms, {
        'ours, embedded': [to('ours, embedded', 'nchan, memory'), to('ours, embedded', 'limit')],
        'ours, Redis': [to('ours, Redis', 'nchan, memory'), to('ours, Redis', 'limit')],
        limit: [against(ratioOf(results, 'limit', 'nchan, memory', last), 'nchan, memory')],
      });
    } finally {
      await redis.stop();
    }
  },
};
