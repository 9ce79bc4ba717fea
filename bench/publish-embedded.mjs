// 64 connections publish single events to the embedded store, each answered once it is on disk.
import { limit, ours } from './harness/contenders.mjs';
import { against, inTurn, perSecond, rateRows, ratioOf, steady } from './harness/measure.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'publish, embedded',
  work: '64 connections, one 200-byte event per request, durable',
  async run(settings) {
    const results = await inTurn(
      [ours(undefined), limit('bytes')],
      settings.rounds,
      ({ port, pid }, { dialect }) =>
        steady(settings, { port, pid, plan: { kind: 'publish', dialect, channel: 'publish' } }),
    );
    const ratio = ratioOf(results, 'ours, embedded', 'limit', perSecond);
    return rateRows(results, 'events', {
      'ours, embedded': [against(ratio, 'limit', { atLeast: 0.75 })],
    });
  },
};
