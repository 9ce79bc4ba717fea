// Our client beside those of others, each with its own server.
import { jetStream, onRedis, oursThroughClient } from './harness/contenders.mjs';
import { against, inTurn, load, medianOf, missing, ratioOf, row, whole } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

/**
 * @typedef {import('./harness/measure.mjs').Settings} Settings
 * @typedef {import('./harness/measure.mjs').Row} Row
 * @typedef {import('./harness/contenders.mjs').PeerContender} PeerContender
 * @typedef {import('./harness/contenders.mjs').Server} Server
 *
 * @typedef {{ perSecond: number, clientUs: number, serverUs: number }} Rate
 */

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'peers',
  work: 'events of 200 bytes through the Node.js client of each, on one channel',
  async run(settings) {
    const redis = await startRedis();
    try {
      const contenders = [
        oursThroughClient(undefined),
        oursThroughClient(redis),
        jetStream(),
        onRedis('BullMQ', 'bullmq', redis),
        onRedis('XADD', 'redis-streams', redis),
      ];
      return await sendRows(contenders, settings);
    } finally {
      await redis.stop();
    }
  },
};

/** How many sends are under way, and what of it is to be reached. */
const SENDS = [
  { atATime: 1000, embedded: { xadd: 1 }, redis: { xadd: 1 } },
  { atATime: 64, embedded: { xadd: 0.5, jetStream: 1.5 }, redis: { xadd: 0.7, jetStream: 2 }, clientUs: 14 },
  { atATime: 1 },
];

/** @param {PeerContender[]} contenders @param {Settings} settings */
async function sendRows(contenders, { rounds, warmUpS, seconds }) {
  const results = await inTurn(contenders, rounds, async (server, contender) => {
    /** @type {Rate[]} */
    const rates = [];
    for (const { atATime } of SENDS)
      rates.push(await load('sends', { ...asked(server, contender), atATime, warmUpS, seconds }));
    return rates;
  });
  return SENDS.flatMap(({ atATime, embedded, redis, clientUs: most }, i) => {
    const rateOf = (/** @type {Rate[]} */ rates) => /** @type {Rate} */ (rates[i]);
    const perSecond = (/** @type {Rate[]} */ rates) => rateOf(rates).perSecond;
    return contenders.map(({ name, peer, redis: onRedis }) => {
      const to = (/** @type {string} */ reference, /** @type {number} */ atLeast) =>
        against(ratioOf(results, name, reference, perSecond), reference, atLeast ? { atLeast } : {});
      const targets = onRedis ? redis : embedded;
      const comparisons =
        peer === 'ours' ? [to('XADD', targets?.xadd ?? 0), to('JetStream', targets?.jetStream ?? 0)] : [];
      const rate = medianOf(results, name, perSecond);
      if (rate === undefined) return row(`send ${atATime} at a time: ${name}`, missing(results, name));
      const clientUs = medianOf(results, name, (rates) => rateOf(rates).clientUs) ?? 0;
      const serverUs = medianOf(results, name, (rates) => rateOf(rates).serverUs) ?? 0;
      const figure = `${whole(rate)}/s, ${clientUs.toFixed(1)} µs of the client, ${serverUs.toFixed(1)} of the server`;
      const entry = row(`send ${atATime} at a time: ${name}`, figure, comparisons);
      if (peer === 'ours' && most !== undefined) {
        const target = { text: `≤ ${most} µs of the client`, reached: clientUs <= most };
        return { ...entry, targets: [...(entry.targets ?? []), target] };
      }
      return entry;
    });
  });
}

/** What a load process has to know. @param {Server} server @param {PeerContender} contender */
function asked({ port, pid }, { peer, redis }) {
  return { peer, port, pids: redis ? [pid, redis.pid] : [pid] };
}
