// Many consumers that are a little behind read pages of 100 events. Each read acknowledges, so it saves a cursor.
import { limit, original, ours } from './harness/contenders.mjs';
import {
  against,
  inTurn,
  load,
  perSecond,
  rateRows,
  ratioOf,
  startLoad,
  steady,
} from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

const EVENTS = 1000;
const NAMES = {
  live: 'ours, Redis',
  unwatched: 'ours, Redis, nobody waits',
  embedded: 'ours, embedded',
};

/** The limit, where pages differ. */
const COPIES = 'limit, a copy each';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'catch-up, near the tail',
  work: `64 consumers read pages of 100 events of 200 bytes, from anywhere in the newest ${EVENTS}, with acknowledgement`,
  async run(settings) {
    const redis = await startRedis();
    try {
      const contenders = [
        ours(redis),
        ours(redis, { name: NAMES.unwatched }),
        ours(undefined),
        limit('bytes'),
        limit('copies', { name: COPIES }),
        original(redis),
      ];
      const results = await inTurn(contenders, settings.rounds, async ({ port, pid }, { name, dialect }) => {
        // A channel that somebody follows has its newest events in memory, and for a while afterwards.
        const follower =
          name === NAMES.live || name === NAMES.embedded
            ? startLoad('waitingPolls', { port, polls: 1, channels: 1 })
            : undefined;
        await follower?.told;
        await follower?.stop();
        if (name !== 'limit' && name !== COPIES)
          await load('fill', { port, dialect, channel: 'waiting-0', count: EVENTS, batch: 100 });
        const plan = {
          kind: 'read',
          dialect,
          channel: 'waiting-0',
          newest: EVENTS,
          span: EVENTS - 200,
          limit: 100,
        };
        return steady(settings, { port, pid, plan, bytes: 100 * 190 });
      });
      const to = (/** @type {string} */ name) => [
        against(ratioOf(results, name, 'limit', perSecond), 'limit', { atLeast: 0.5 }),
        against(ratioOf(results, name, 'original', perSecond), 'original', { atLeast: 5 }),
      ];
      return rateRows(results, 'pages', {
        [NAMES.live]: to(NAMES.live),
        [NAMES.unwatched]: to(NAMES.unwatched),
        [NAMES.embedded]: to(NAMES.embedded),
        [COPIES]: [against(ratioOf(results, COPIES, 'limit', perSecond), 'limit')],
      });
    } finally {
      await redis.stop();
    }
  },
};
