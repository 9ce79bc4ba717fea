// Our client beside those of others, each with its own server.
import { bareHttp, jetStream, onRedis, oursThroughClient } from './harness/contenders.mjs';
import {
  against,
  inTurn,
  load,
  medianOf,
  missing,
  ms,
  ratioOf,
  row,
  startLoad,
  whole,
} from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

/**
 * @typedef {import('./harness/measure.mjs').Settings} Settings
 * @typedef {import('./harness/measure.mjs').Row} Row
 * @typedef {import('./harness/contenders.mjs').PeerContender} PeerContender
 * @typedef {import('./harness/contenders.mjs').Server} Server
 *
 * @typedef {{ perSecond: number, clientUs: number, serverUs: number, sockets?: number }} Rate
 * @typedef {{ p50: number, p99: number, max: number }} Times
 *
 * @typedef {{ xadd?: number, jetStream?: number }} Least  of a figure, times that of others
 */

const MANY = 500;
const BATCH = 100;

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'peers',
  work:
    'events of 200 bytes through the Node.js client of each, with the processor time that each takes of the client and of the ' +
    'server. To be acknowledged is: ours embedded, synced to disk; ours on Redis, XADD and BullMQ, written by Redis, which syncs every ' +
    'second; JetStream, written to a file, which is synced every two minutes',
  async run(settings) {
    const redis = await startRedis();
    try {
      const contenders = [
        oursThroughClient(undefined),
        oursThroughClient(redis),
        jetStream(),
        onRedis('BullMQ', 'bullmq', redis),
        onRedis('Redis Streams', 'redis-streams', redis),
      ];
      const rows = [];
      for (const part of [sends, batches, replay, latency, manyChannels])
        rows.push(...(await part(contenders, settings)));
      return rows;
    } finally {
      await redis.stop();
    }
  },
};

/** How many sends are under way, and what of it is to be reached. @type {{ atATime: number, embedded?: Least, onRedis?: Least, clientUs?: number }[]} */
const SENDS = [
  { atATime: 1000, embedded: { xadd: 1 }, onRedis: { xadd: 1 } },
  {
    atATime: 64,
    embedded: { xadd: 0.5, jetStream: 1.5 },
    onRedis: { xadd: 0.7, jetStream: 2 },
    clientUs: 14,
  },
  { atATime: 1 },
];

/** @param {PeerContender[]} peers @param {Settings} settings */
async function sends(peers, { rounds, warmUpS, seconds }) {
  const contenders = [...peers, bareHttp()];
  const results = await inTurn(contenders, rounds, async (server, contender) => {
    /** @type {Rate[]} */
    const rates = [];
    for (const { atATime } of SENDS)
      rates.push(await load('sends', { ...through(server, contender), atATime, warmUpS, seconds }));
    return rates;
  });
  return SENDS.flatMap(({ atATime, embedded, onRedis, clientUs }, i) =>
    rateRows(`send, ${atATime} at a time`, contenders, nth(results, i), { embedded, onRedis, clientUs }),
  );
}

/** @param {PeerContender[]} contenders @param {Settings} settings */
async function batches(contenders, { rounds, warmUpS, seconds }) {
  const results = await inTurn(contenders, rounds, (server, contender) =>
    load('sends', { ...through(server, contender), atATime: 8, batch: BATCH, warmUpS, seconds }),
  );
  return rateRows(`batches of ${BATCH}, 8 at a time`, contenders, results);
}

/** @param {PeerContender[]} contenders @param {Settings} settings */
async function replay(contenders, { quick, rounds }) {
  const count = quick ? 1_000 : 100_000;
  const results = await inTurn(contenders, rounds, async (server, contender) => {
    const place = { ...through(server, contender), channel: 'replay', count };
    await load('fillThrough', { ...place, batch: 1_000 });
    return load('replayThrough', place);
  });
  return rateRows(`receive a channel of ${whole(count)}`, contenders, results);
}

const PACES = [
  { perSecond: 250, channels: 1 },
  { perSecond: 500, channels: 50 },
];

/** @param {PeerContender[]} contenders @param {Settings} settings */
async function latency(contenders, { quick, rounds }) {
  const rows = [];
  for (const { perSecond, channels } of PACES) {
    const [warmUp, count] = quick ? [50, 100] : [perSecond, 6 * perSecond];
    const results = await inTurn(contenders, rounds, async ({ port }, { peer }) => {
      const both = { peer, port, channels };
      const consumer = startLoad('consume', { ...both, warmUp, count, withinS: 60 });
      await consumer.told;
      await load('produce', { ...both, perSecond, count: warmUp + count });
      return /** @type {Promise<Times>} */ (consumer.done);
    });
    rows.push(...latencyRows(`send to on, ${perSecond}/s, channels: ${channels}`, contenders, results));
  }
  return rows;
}

/** @param {PeerContender[]} contenders @param {Settings} settings */
async function manyChannels(contenders, { rounds, warmUpS, seconds }) {
  const results = await inTurn(contenders, rounds, (server, contender) =>
    load('manyChannels', { ...through(server, contender), channels: MANY, atATime: 64, warmUpS, seconds }),
  );
  return rateRows(`${MANY} channels, one client sends and receives`, contenders, results, {
    sockets: 4,
    timesJetStreamsUs: 1.5,
  });
}

/** What a load process has to know. @param {Server} server @param {PeerContender} contender */
function through({ port, pid }, { peer, redis }) {
  return { peer, port, pids: redis ? [pid, redis.pid] : [pid] };
}

/**
 * @template Figures
 * @typedef {Awaited<ReturnType<typeof inTurn<Figures, PeerContender>>>} Results
 */

/** The results of the n-th of several measurements. @param {Results<Rate[]>} results @param {number} n @returns {Results<Rate>} */
const nth = (results, n) =>
  new Map(
    [...results].map(([name, list]) => [
      name,
      Array.isArray(list) ? list.map((rates) => /** @type {Rate} */ (rates[n])) : list,
    ]),
  );

/**
 * @param {string} what
 * @param {PeerContender[]} contenders
 * @param {Results<Rate>} results
 * @param {{ embedded?: Least | undefined, onRedis?: Least | undefined, clientUs?: number | undefined, sockets?: number, timesJetStreamsUs?: number }} [targets]
 * @returns {Row[]}
 */
function rateRows(what, contenders, results, targets = {}) {
  return contenders.map(({ name, peer, redis }) => {
    const rate = medianOf(results, name, ({ perSecond }) => perSecond);
    if (rate === undefined) return row(`${what}: ${name}`, missing(results, name));
    const clientUs = medianOf(results, name, (figures) => figures.clientUs) ?? 0;
    const serverUs = medianOf(results, name, (figures) => figures.serverUs) ?? 0;
    const sockets = medianOf(results, name, (figures) => figures.sockets ?? 0) ?? 0;
    const figure = `${whole(rate)}/s, ${clientUs.toFixed(1)} µs of the client, ${serverUs.toFixed(1)} of the server`;
    const figures = sockets > 0 ? `${figure}, sockets: ${sockets}` : figure;
    if (peer !== 'ours') return row(`${what}: ${name}`, figures);

    const to = (/** @type {string} */ reference, /** @type {number | undefined} */ atLeast) =>
      against(
        ratioOf(results, name, reference, ({ perSecond }) => perSecond),
        reference,
        atLeast === undefined ? {} : { atLeast },
      );
    const least = redis ? targets.onRedis : targets.embedded;
    const comparisons = [to('Redis Streams', least?.xadd), to('JetStream', least?.jetStream)];
    if (targets.timesJetStreamsUs !== undefined) {
      const ratio = ratioOf(results, name, 'JetStream', (figures) => figures.clientUs);
      comparisons.push(against(ratio, 'JetStream’s µs', { atMost: targets.timesJetStreamsUs }));
    }
    const entry = row(`${what}: ${name}`, figures, comparisons);
    for (const [text, figure, most] of /** @type {const} */ ([
      ['µs of the client', clientUs, targets.clientUs],
      ['sockets', sockets, targets.sockets],
    ])) {
      if (most !== undefined) entry.targets?.push({ text: `≤ ${most} ${text}`, reached: figure <= most });
    }
    return entry;
  });
}

/** @param {string} what @param {PeerContender[]} contenders @param {Results<Times>} results @returns {Row[]} */
function latencyRows(what, contenders, results) {
  return contenders.map(({ name, peer }) => {
    const p50 = medianOf(results, name, (times) => times.p50);
    if (p50 === undefined) return row(`${what}: ${name}`, missing(results, name));
    const p99 = medianOf(results, name, (times) => times.p99) ?? 0;
    const figure = `p50 ${ms(p50)}, p99 ${ms(p99)}`;
    if (peer !== 'ours') return row(`${what}: ${name}`, figure);
    const to = (/** @type {'p50' | 'p99'} */ part, /** @type {number} */ atMost) =>
      against(
        ratioOf(results, name, 'JetStream', (times) => times[part]),
        `JetStream’s ${part}`,
        { atMost },
      );
    return row(`${what}: ${name}`, figure, [to('p50', 1.5), to('p99', 2)]);
  });
}
