// Whether it gets slower as more is stored: publishes and reads of the newest page, in channels of different length,
// and with different numbers of channels.
import { ours } from './harness/contenders.mjs';
import { against, inTurn, load, median, perSecond, ratioOf, row, steady, whole } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'growth',
  work: '64 connections publish, or read the newest 100 events: with 10³, 10⁵, 10⁶ events in the channel; with 1, 10³, 10⁵ channels',
  async run(settings) {
    const { quick } = settings;
    const lengths = quick ? [100, 1_000] : [1_000, 100_000, 1_000_000];
    const numbers = quick ? [1, 100] : [1, 1_000, 100_000];
    const rounds = Math.min(settings.rounds, 2);
    const short = {
      ...settings,
      warmUpS: Math.min(settings.warmUpS, 0.5),
      seconds: Math.min(settings.seconds, 1.5),
    };
    const rows = [];
    for (const store of ['Redis', 'embedded']) {
      const redis = store === 'Redis' ? await startRedis() : undefined;
      try {
        rows.push(...(await lengthRows(store, redis, lengths, rounds, short)));
        rows.push(...(await numberRows(store, numbers, rounds, short)));
      } finally {
        await redis?.stop();
      }
    }
    return rows;
  },
};

/**
 * @typedef {import('./harness/measure.mjs').Settings} Settings
 * @typedef {import('./harness/contenders.mjs').Server} Server
 * @typedef {import('./harness/redis.mjs').MeasuredRedis | undefined} Redis
 */

/** One server has channels of every length. @param {string} store @param {Redis} redis @param {number[]} lengths @param {number} rounds @param {Settings} settings */
async function lengthRows(store, redis, lengths, rounds, settings) {
  const server = await ours(redis).start();
  try {
    // A publish makes a channel longer: each round has a short one of its own.
    const shortest = Number(lengths[0]);
    await load('fill', { port: server.port, channel: 'short-', channels: rounds, count: shortest });
    for (const length of lengths) {
      await load('fill', { port: server.port, channel: `read-${length}`, count: length });
      if (length !== shortest)
        await load('fill', { port: server.port, channel: `write-${length}`, count: length });
    }
    let round = 0;
    const publishes = await inSizes(
      lengths.map(() => server),
      lengths,
      rounds,
      ({ port }, length) => {
        const channel = length === shortest ? `short-${round++}` : `write-${length}`;
        return steady(settings, { port, plan: { kind: 'publish', dialect: 'ours', channel } });
      },
    );
    const reads = await inSizes(
      lengths.map(() => server),
      lengths,
      rounds,
      ({ port }, length) => {
        const plan = { kind: 'read', dialect: 'ours', channel: `read-${length}`, newest: length };
        return steady(settings, { port, plan });
      },
    );
    return [
      ...rowsOf(`${store}: publish to a channel of`, 'events', publishes, lengths),
      ...rowsOf(`${store}: tail read of a channel of`, 'events', reads, lengths),
    ];
  } finally {
    await server.stop();
  }
}

/** A store and a server for each number of channels. @param {string} store @param {number[]} numbers @param {number} rounds @param {Settings} settings */
async function numberRows(store, numbers, rounds, settings) {
  /** @type {{ server: Server, redis: Redis }[]} */
  const open = [];
  try {
    for (const number of numbers) {
      const redis = store === 'Redis' ? await startRedis() : undefined;
      const server = await ours(redis).start();
      open.push({ server, redis });
      for (const channel of ['one', 'read']) await load('fill', { port: server.port, channel, count: 200 });
      await load('fill', { port: server.port, channel: 'many-', channels: number, count: 1 });
    }
    const servers = open.map(({ server }) => server);
    const inTurnOf = (/** @type {object} */ plan) =>
      inSizes(servers, numbers, rounds, ({ port }, number) => {
        const all = 'channels' in plan ? { channels: number } : {};
        return steady(settings, { port, plan: { dialect: 'ours', ...plan, ...all } });
      });
    const one = await inTurnOf({ kind: 'publish', channel: 'one' });
    const all = await inTurnOf({ kind: 'publish', channel: 'many-', channels: 0 });
    const read = await inTurnOf({ kind: 'read', channel: 'read', newest: 200 });
    return [
      ...rowsOf(`${store}: publish to one of`, 'channels', one, numbers),
      ...rowsOf(`${store}: publish to all of`, 'channels', all, numbers),
      ...rowsOf(`${store}: tail read of one of`, 'channels', read, numbers),
    ];
  } finally {
    for (const { server, redis } of open) {
      await server.stop();
      await redis?.stop();
    }
  }
}

/**
 * The sizes in turn, on servers that run already.
 *
 * @param {Server[]} servers  one for each size @param {number[]} sizes @param {number} rounds
 * @param {(server: Server, size: number) => Promise<{ perSecond: number }>} measure
 */
function inSizes(servers, sizes, rounds, measure) {
  const contenders = sizes.map((size, i) => ({
    name: String(size),
    dialect: /** @type {const} */ ('ours'),
    start: async () => ({ .../** @type {Server} */ (servers[i]), stop: async () => {} }),
  }));
  return inTurn(contenders, rounds, (server, { name }) => measure(server, Number(name)));
}

/** @param {string} label @param {string} unit @param {Awaited<ReturnType<typeof inSizes>>} results @param {number[]} sizes */
function rowsOf(label, unit, results, sizes) {
  const smallest = String(sizes[0]);
  return sizes.map((size) => {
    const list = results.get(String(size));
    const value = Array.isArray(list) ? median(list.map(perSecond)) : 0;
    const name = `${label} ${whole(size)} ${size === 1 ? unit.replace(/s$/, '') : unit}`;
    if (String(size) === smallest) return row(name, `${whole(value)}/s`);
    // Flat within 1.3 ×: at least 1 / 1.3 of the rate of the smallest.
    const ratio = ratioOf(results, String(size), smallest, perSecond);
    return row(name, `${whole(value)}/s`, [
      against(ratio, `that with ${whole(Number(smallest))}`, { atLeast: 0.77 }),
    ]);
  });
}
