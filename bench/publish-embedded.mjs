// 64 connections publish single events to the embedded store, each answered once it is on disk.
import { limit, ours } from './harness/contenders.mjs';
import { against, inTurn, perSecond, ratioOf, rows, steady, whole } from './harness/measure.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'publish, embedded',
  work: '64 connections, one 200-byte event per request, durable',
  async run(settings) {
    const results = await inTurn(
      [ours(undefined), limit('bytes')],
      settings.rounds,
      ({ port }, { dialect }) =>
        steady(settings, { port, plan: { kind: 'publish', dialect, channel: 'publish' } }),
    );
    const ratio = ratioOf(results, 'ours, embedded', 'limit', perSecond);
    return rows(results, perSecond, (value) => `${whole(value)} events/s`, {
      'ours, embedded': [against(ratio, 'limit', { atLeast: 0.75 })],
    });
  },
};
