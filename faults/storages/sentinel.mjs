// Two servers on a Redis with two replicas that three Sentinels watch. Each has its files: one that was killed and came back
// with those of an earlier time, or with none, may be taken for the master before the Sentinels agree on another one.
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisSentinels, until } from '@ganomede/events-testing';
import { now, picked } from '../fault.mjs';
import { Service } from '../service.mjs';

/** @typedef {import('@ganomede/events-testing').RedisServer} RedisServer */
/**
 * `loses`: whether a failover may lose what was acknowledged. A master that lives on takes appends until it is told that it is none
 * any more, and a replica that is not promoted acknowledges them; only if all replicas have to, nothing is lost. Sentinels
 * that are in doubt replace a master that has just been made one, so that this goes for the failovers of dead masters too.
 *
 * @typedef {{ service: Service, sentinels: RedisSentinels, loses: boolean }} Stage
 */

const PATIENCE_MS = 60_000;
/** How much a replica lags at most that runs and is connected. */
const LAG_MS = 1_000;

/** @param {import('../owner.mjs').Owner} owner @param {{ minReplicas: number }} options @returns {Promise<Stage>} */
export async function open(owner, { minReplicas }) {
  const sentinels = owner.owns(await RedisSentinels.start('--appendonly', 'yes', '--loglevel', 'notice'));
  const settings = {
    EVENTS_STORE: 'redis',
    REDIS_URL: sentinels.url,
    REDIS_MIN_REPLICAS: String(minReplicas),
  };
  const service = owner.owns(await Service.start([settings, settings]));
  const replicas = sentinels.servers.length - 1;
  return { service, sentinels, loses: minReplicas < replicas };
}

/** @type {Record<string, import('../fault.mjs').Fault<Stage>>} */
export const FAULTS = {
  'kill the master': {
    lane: 'store',
    forMs: [0, 2_000],
    run: (stage, { forMs, doubt }) =>
      replace(
        stage,
        (master) => master.kill(),
        (master) => master.restart(),
        forMs,
        doubt,
      ),
  },
  'freeze the master until another one is': {
    lane: 'store',
    forMs: [0, 2_000],
    // Until it was told that it is none any more it may have taken appends.
    run: (stage, { forMs, doubt }) =>
      replace(
        stage,
        (master) => master.pause(),
        (master) => master.resume(),
        forMs,
        doubt,
      ),
  },
  'freeze the master for a moment': {
    lane: 'store',
    forMs: [50, 400],
    async run({ sentinels, loses }, { forMs, doubt }) {
      const from = now() - LAG_MS;
      const master = await sentinels.master();
      master.pause();
      await sleep(forMs);
      master.resume();
      await settled(sentinels);
      doubt(from, loses);
    },
  },
  'make a replica the master': {
    lane: 'store',
    forMs: [0, 0],
    async run({ sentinels, loses }, { doubt }) {
      const from = now() - LAG_MS;
      const master = await sentinels.master();
      try {
        await sentinels.failover();
      } catch {
        return; // they are not ready for another one yet
      }
      await replaced(sentinels, master);
      await settled(sentinels);
      doubt(from, loses);
    },
  },
  'kill a replica': {
    lane: 'store',
    forMs: [0, 3_000],
    async run({ sentinels }, { pick, forMs }) {
      const master = await sentinels.master();
      const replica = picked(
        sentinels.servers.filter((server) => server !== master),
        pick,
      );
      await replica.kill();
      await sleep(forMs);
      await replica.restart();
      await settled(sentinels);
    },
  },
  'kill the master while one replica lags': {
    lane: 'store',
    forMs: [100, 1_000],
    run: (stage, { pick, forMs, doubt }) =>
      killBefore(stage, (replicas) => [picked(replicas, pick)], forMs, doubt),
  },
  'kill the master while all replicas lag': {
    lane: 'store',
    forMs: [100, 1_000],
    rewinds: true,
    run: (stage, { forMs, doubt }) => killBefore(stage, (replicas) => replicas, forMs, doubt),
  },
};

/**
 * The master is away until another one has its place.
 *
 * @param {Stage} stage
 * @param {(master: RedisServer) => unknown} end
 * @param {(master: RedisServer) => unknown} begin  what brings it back
 * @param {number} forMs
 * @param {import('../fault.mjs').Circumstances['doubt']} doubt
 */
async function replace({ sentinels, loses }, end, begin, forMs, doubt) {
  const from = now() - LAG_MS;
  const master = await sentinels.master();
  await end(master);
  await replaced(sentinels, master);
  await sleep(forMs);
  await begin(master);
  await settled(sentinels);
  doubt(from, loses);
}

/**
 * @param {Stage} stage
 * @param {(replicas: RedisServer[]) => RedisServer[]} lagging  which get nothing more before the master is killed
 * @param {number} forMs
 * @param {import('../fault.mjs').Circumstances['doubt']} doubt
 */
async function killBefore({ sentinels, loses }, lagging, forMs, doubt) {
  const from = now() - LAG_MS;
  const master = await sentinels.master();
  const replicas = lagging(sentinels.servers.filter((server) => server !== master));
  // All connections of replicas are gone, and these cannot connect again.
  for (const replica of replicas) replica.pause();
  await master.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
  await sleep(forMs);
  await master.kill();
  for (const replica of replicas) replica.resume();
  await replaced(sentinels, master);
  await master.restart();
  await settled(sentinels);
  doubt(from, loses);
}

/** @param {RedisSentinels} sentinels @param {RedisServer} master */
const replaced = (sentinels, master) =>
  until('another server is the master', async () => (await sentinels.master()) !== master, PATIENCE_MS);

/** Resolves once there is one master, which says so itself, and all others follow it. @param {RedisSentinels} sentinels */
async function settled(sentinels) {
  await until(
    'all replicas follow the master',
    async () => {
      const master = await sentinels.master();
      for (const server of sentinels.servers) {
        const info = await server.admin.info('replication');
        const isAsItShould =
          server === master
            ? info.includes('role:master') && info.split('state=online').length === sentinels.servers.length
            : info.includes(`master_port:${master.port}`) && info.includes('master_link_status:up');
        if (!isAsItShould) return false;
      }
      return true;
    },
    PATIENCE_MS,
  );
}
