// Processes that share the work of a channel, beside those of BullMQ.
import { onRedis, oursThroughClient } from './harness/contenders.mjs';
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
 *
 * @typedef {{ perSecond: number, clientUs: number, serverUs: number }} Rate
 * @typedef {{ p50: number, p99: number }} Times
 */

const CONCURRENCY = 64;
/** Events a second. */
const RATES = [50, 250];

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'groups',
  work:
    `events of 200 bytes that processes share, each with ${CONCURRENCY} handlers at a time that do nothing, each event acknowledged ` +
    'by itself, with the processor time that it takes of all clients and of the server',
  async run(settings) {
    const redis = await startRedis();
    try {
      const contenders = [
        oursThroughClient(undefined),
        oursThroughClient(redis),
        onRedis('BullMQ', 'bullmq', redis),
      ];
      return [...(await rates(contenders, settings)), ...(await latencies(contenders, settings))];
    } finally {
      await redis.stop();
    }
  },
};

/** @param {PeerContender[]} contenders @param {Settings} settings @returns {Promise<Row[]>} */
async function rates(contenders, { quick, rounds, warmUpS, seconds }) {
  const count = quick ? 20_000 : 150_000;
  const results = await inTurn(contenders, rounds, async ({ port, pid }, { peer, redis }) => {
    const pids = redis ? [pid, redis.pid] : [pid];
    /** @type {Rate[]} */
    const byProcesses = [];
    for (const processes of [1, 2]) {
      const place = { peer, port, pids, channel: `work-${processes}`, count };
      await load('fillThrough', { ...place, batch: 1_000 });
      byProcesses.push(await shared(processes, { ...place, warmUpS, seconds }));
    }
    return byProcesses;
  });
  const perSecond = (/** @type {Rate[]} */ [one]) => one?.perSecond ?? 0;
  return [0, 1].flatMap((i) =>
    contenders.map(({ name, peer }) => {
      const what = `${i + 1} process${i === 0 ? '' : 'es'}: ${name}`;
      const figure = (/** @type {keyof Rate} */ part) =>
        medianOf(results, name, (list) => list[i]?.[part] ?? 0) ?? 0;
      const reason = missing(results, name);
      if (reason !== undefined) return row(what, reason);
      const figures = `${whole(figure('perSecond'))}/s, ${figure('clientUs').toFixed(1)} µs of the clients, ${figure('serverUs').toFixed(1)} of the server`;
      if (i === 1) {
        const gain = medianOf(results, name, ([one, two]) => (two?.perSecond ?? 0) / (one?.perSecond ?? 1));
        return row(what, figures, [against(gain, '1 process', peer === 'ours' ? { atLeast: 1 } : {})]);
      }
      if (peer !== 'ours') return row(what, figures);
      return row(what, figures, [
        against(ratioOf(results, name, 'BullMQ', perSecond), 'BullMQ', { atLeast: 1.5 }),
      ]);
    }),
  );
}

/**
 * What processes do together while all of them work.
 *
 * @param {number} processes
 * @param {{ channel: string, count: number } & Record<string, unknown>} options
 * @returns {Promise<Rate>}
 */
async function shared(processes, { count, ...options }) {
  const workers = Array.from({ length: processes }, () =>
    startLoad('work', { ...options, concurrency: CONCURRENCY }),
  );
  try {
    await Promise.all(workers.map(({ told }) => told));
    for (const { go } of workers) go();
    /** @type {(Rate & { received: number })[]} */
    const all = await Promise.all(workers.map(({ done }) => done));
    const sum = (/** @type {(each: Rate & { received: number }) => number} */ part) =>
      all.reduce((total, each) => total + part(each), 0);
    if (sum(({ received }) => received) >= count)
      throw new Error(`${count} events were too few to measure with`);
    const perSecond = sum((each) => each.perSecond);
    return {
      perSecond,
      clientUs: sum((each) => each.clientUs * each.perSecond) / perSecond,
      // Each saw all that the server did.
      serverUs: sum((each) => each.serverUs * each.perSecond) / processes / perSecond,
    };
  } finally {
    await Promise.all(workers.map(({ stop }) => stop()));
  }
}

/** @param {PeerContender[]} contenders @param {Settings} settings @returns {Promise<Row[]>} */
async function latencies(contenders, { quick, rounds }) {
  const measured = [];
  for (const perSecond of quick ? RATES.slice(1) : RATES)
    measured.push(...(await latenciesAt(perSecond, contenders, { quick, rounds })));
  return measured;
}

/** @param {number} perSecond @param {PeerContender[]} contenders @param {Pick<Settings, 'quick' | 'rounds'>} settings @returns {Promise<Row[]>} */
async function latenciesAt(perSecond, contenders, { quick, rounds }) {
  const [warmUp, count] = quick ? [50, 100] : [perSecond, 6 * perSecond];
  const ways = contenders.flatMap((contender) => [
    ...(contender.peer === 'ours' ? [{ ...contender, name: `${contender.name}, on` }] : []),
    { ...contender, name: `${contender.name}, work`, concurrency: CONCURRENCY },
  ]);
  const results = await inTurn(ways, Math.min(rounds, 2), async ({ port }, { peer, ...way }) => {
    const both = { peer, port, channels: 1 };
    const concurrency = 'concurrency' in way ? way.concurrency : undefined;
    const consumer = startLoad('consume', { ...both, concurrency, warmUp, count, withinS: 60 });
    await consumer.told;
    await load('produce', { ...both, perSecond, count: warmUp + count });
    return /** @type {Promise<Times>} */ (consumer.done);
  });
  return ways.map(({ name, ...way }) => {
    const what = `send to handler, ${perSecond}/s: ${name}`;
    const p50 = medianOf(results, name, (times) => times.p50);
    if (p50 === undefined) return row(what, missing(results, name));
    const figure = `p50 ${ms(p50)}, p99 ${ms(medianOf(results, name, (times) => times.p99) ?? 0)}`;
    if (way.peer !== 'ours' || !('concurrency' in way)) return row(what, figure);
    const on = name.replace(/work$/, 'on');
    return row(what, figure, [
      against(
        ratioOf(results, name, on, (times) => times.p50),
        'on’s p50',
        { atMost: 1.5 },
      ),
    ]);
  });
}
