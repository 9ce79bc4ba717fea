// 64 connections publish single events to servers on one Redis: all to one channel, and each to any of 64 channels.
import { limit, nchan, original, ours } from './harness/contenders.mjs';
import { against, inTurn, perSecond, rateRows, ratioOf, steady } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'publish, Redis',
  work: '64 connections, one 200-byte event per request; Redis with appendfsync everysec',
  async run(settings) {
    const redis = await startRedis();
    try {
      const one = [ours(redis), limit('bytes'), original(redis), nchan(redis)];
      const results = await inTurn(one, settings.rounds, ({ port, pid }, { dialect }) =>
        steady(settings, { port, pid, plan: { kind: 'publish', dialect, channel: 'publish' } }),
      );
      const many = [
        ours(redis, { name: 'ours, Redis, 64 channels' }),
        { ...limit('bytes'), name: 'limit, 64 channels' },
      ];
      const spread = await inTurn(many, Math.ceil(settings.rounds / 2), ({ port, pid }, { dialect }) =>
        steady(settings, { port, pid, plan: { kind: 'publish', dialect, channel: 'publish', channels: 64 } }),
      );
      const to = (/** @type {string} */ name) => ratioOf(results, 'ours, Redis', name, perSecond);
      return [
        ...rateRows(results, 'events', {
          'ours, Redis': [
            against(to('limit'), 'limit', { atLeast: 0.65 }),
            against(to('original'), 'original', { atLeast: 5 }),
            against(to('nchan, Redis'), 'nchan, Redis', { atLeast: 1 }),
          ],
        }),
        ...rateRows(spread, 'events', {
          'ours, Redis, 64 channels': [
            against(ratioOf(spread, 'ours, Redis, 64 channels', 'limit, 64 channels', perSecond), 'limit', {
              atLeast: 0.6,
            }),
          ],
        }),
      ];
    } finally {
      await redis.stop();
    }
  },
};
