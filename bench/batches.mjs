// The same events, one by one and a hundred in a request.
import { ours } from './harness/contenders.mjs';
import { against, inTurn, ratioOf, rows, steady, whole } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

const BATCH = 100;

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'publish in batches',
  work: `64 connections, ${BATCH} events of 200 bytes per request, against one per request`,
  async run(settings) {
    const redis = await startRedis();
    try {
      const single = [ours(undefined, { name: 'embedded, single' }), ours(redis, { name: 'Redis, single' })];
      const batched = [
        ours(undefined, { name: 'embedded, batches' }),
        ours(redis, { name: 'Redis, batches' }),
      ];
      const results = await inTurn([...single, ...batched], settings.rounds, async ({ port }, contender) => {
        const batch = batched.includes(contender) ? BATCH : undefined;
        const plan = { kind: 'publish', dialect: contender.dialect, channel: 'publish', batch };
        const { perSecond } = await steady(settings, { port, plan });
        return { events: perSecond * (batch ?? 1) };
      });
      const events = (/** @type {{ events: number }} */ figures) => figures.events;
      const to = (/** @type {string} */ store) =>
        against(ratioOf(results, `${store}, batches`, `${store}, single`, events), 'single', { atLeast: 10 });
      return rows(results, events, (value) => `${whole(value)} events/s`, {
        'embedded, batches': [to('embedded')],
        'Redis, batches': [to('Redis')],
      });
    } finally {
      await redis.stop();
    }
  },
};
