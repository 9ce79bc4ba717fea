// What a second process brings, on the cores that the load and Redis leave.
import { ours } from './harness/contenders.mjs';
import { against, inTurn, load, ratioOf, rows, steady, whole } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'workers',
  work: 'WORKERS=2 against 1, on Redis: publishes to 64 channels; reads of 100 events',
  async run(settings) {
    const redis = await startRedis();
    try {
      const contenders = ['1', '2'].flatMap((workers) => [
        ours(redis, { name: `WORKERS=${workers}`, env: { WORKERS: workers } }),
      ]);
      const results = await inTurn(contenders, Math.min(settings.rounds, 3), async ({ port }) => {
        await load('fill', { port, channel: 'read', count: 1_000 });
        const publish = { kind: 'publish', dialect: 'ours', channel: 'publish', channels: 64 };
        const read = { kind: 'read', dialect: 'ours', channel: 'read', newest: 1_000, span: 800 };
        return {
          publish: (await steady(settings, { port, plan: publish })).perSecond,
          read: (await steady(settings, { port, plan: read })).perSecond,
        };
      });
      return /** @type {const} */ (['publish', 'read']).flatMap((kind) => {
        const figure = (/** @type {{ publish: number, read: number }} */ figures) => figures[kind];
        const shown = rows(results, figure, (value) => `${whole(value)}/s`, {
          'WORKERS=2': [against(ratioOf(results, 'WORKERS=2', 'WORKERS=1', figure), 'WORKERS=1')],
        });
        return shown.map((entry) => ({ ...entry, contender: `${kind}, ${entry.contender}` }));
      });
    } finally {
      await redis.stop();
    }
  },
};
