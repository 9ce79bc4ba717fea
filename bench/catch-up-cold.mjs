// One consumer replays a long channel from its start.
import { Missing, node16, ours, startOriginal } from './harness/contenders.mjs';
import { against, inTurn, load, perSecond, ratioOf, rows, whole } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';
import { storedEvent } from './load/requests.mjs';

const CHANNEL = 'cold';
const LIMIT = 1000;

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'catch-up, cold',
  work: `one consumer replays 1,000,000 events from the start, ${LIMIT} per request, for at most 10 s`,
  async run({ quick, rounds }) {
    const count = quick ? 5_000 : 1_000_000;
    const [redis, theirs] = [await startRedis(), await startRedis('--appendonly', 'no')];
    const embedded = ours(undefined);
    const withRedis = ours(redis);
    try {
      // Filled once; each measurement finds a server that was there before, as a consumer does.
      const servers = await Promise.all([withRedis.start(), embedded.start()]);
      for (const { port } of servers) await load('fill', { port, channel: CHANNEL, count });
      const running = (
        /** @type {import('./harness/contenders.mjs').Contender} */ contender,
        /** @type {number} */ i,
      ) => ({
        ...contender,
        start: async () => ({ .../** @type {any} */ (servers[i]), stop: async () => {} }),
      });
      const contenders = [running(withRedis, 0), running(embedded, 1), await longOriginal(theirs, count)];
      const results = await inTurn(contenders, Math.min(rounds, 3), ({ port }, { dialect }) =>
        load('replay', { port, dialect, channel: CHANNEL, count, limit: LIMIT, seconds: 10 }),
      );
      for (const { stop } of servers) await stop();
      const to = (/** @type {string} */ name) => [
        against(ratioOf(results, name, 'original', perSecond), 'original', { atLeast: 2 }),
      ];
      return rows(results, perSecond, (value) => `${whole(value)} events/s`, {
        'ours, Redis': to('ours, Redis'),
        'ours, embedded': to('ours, embedded'),
      });
    } finally {
      await redis.stop();
      await theirs.stop();
    }
  },
};

/**
 * The original with a long channel, written into Redis as it would have done it.
 *
 * @param {import('./harness/redis.mjs').MeasuredRedis} redis @param {number} count
 * @returns {Promise<import('./harness/contenders.mjs').Contender>}
 */
async function longOriginal(redis, count) {
  const common = /** @type {const} */ ({ name: 'original', dialect: 'original' });
  try {
    const node = await node16();
    await redis.pipe(originalChannel(count));
    return { ...common, start: () => startOriginal(node, redis) };
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    return { ...common, start: () => Promise.reject(error) };
  }
}

/** @param {number} count @returns {Generator<(string | number)[]>} */
function* originalChannel(count) {
  for (let id = 1; id <= count; id++) {
    yield ['SET', `${CHANNEL}:${id}`, storedEvent(id)];
    yield ['ZADD', `${CHANNEL}:keys`, id, `${CHANNEL}:${id}`];
  }
  yield ['SET', `indices:${CHANNEL}`, count];
}
