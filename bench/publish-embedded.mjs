// 64 connections publish single events to the embedded store, each answered once it is on disk.
import { limit, ours, withoutStore } from './harness/contenders.mjs';
import { against, inTurn, perSecond, rateRows, ratioOf, steady } from './harness/measure.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'publish, embedded',
  work: '64 connections, one 200-byte event per request, durable',
  async run(settings) {
    const results = await inTurn(
      [ours(undefined), withoutStore(), limit('bytes')],
      settings.rounds,
      ({ port, pid }, { dialect }) =>
        steady(settings, { port, pid, plan: { kind: 'publish', dialect, channel: 'publish' } }),
    );
    const to = (/** @type {string} */ name) => ratioOf(results, name, 'limit', perSecond);
    return rateRows(results, 'events', {
      'ours, embedded': [against(to('ours, embedded'), 'limit', { atLeast: 0.75 })],
      'ours, no store': [against(to('ours, no store'), 'limit')],
    });
  },
};
