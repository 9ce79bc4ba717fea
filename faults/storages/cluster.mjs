// Two servers on a Redis Cluster of three masters with a replica each. Nothing is on disk: what a master has, only its replica
// has too.
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisCluster, until } from '@ganomede/events-testing';
import { now, picked } from '../fault.mjs';
import { Service } from '../service.mjs';
import { CHANNELS } from '../workload.mjs';

/** @typedef {import('@ganomede/events-testing').RedisServer} RedisServer */
/** @typedef {{ service: Service, cluster: RedisCluster, loses: boolean }} Stage */

const PATIENCE_MS = 60_000;
/** How much a replica lags at most that runs and is connected. */
const LAG_MS = 1_000;

/** @param {import('../owner.mjs').Owner} owner @param {{ minReplicas: number }} options @returns {Promise<Stage>} */
export async function open(owner, { minReplicas }) {
  const cluster = owner.owns(await RedisCluster.start());
  const settings = {
    EVENTS_STORE: 'redis',
    REDIS_CLUSTER_NODES: cluster.nodes.join(','),
    REDIS_MIN_REPLICAS: String(minReplicas),
  };
  const service = owner.owns(await Service.start([settings, settings]));
  return { service, cluster, loses: minReplicas === 0 };
}

/** @type {Record<string, import('../fault.mjs').Fault<Stage>>} */
export const FAULTS = {
  'kill a master': {
    lane: 'store',
    forMs: [0, 2_000],
    async run({ cluster, loses }, { pick, forMs, doubt }) {
      const from = now() - LAG_MS;
      const { master, replica, channels } = await pairOf(cluster, picked(CHANNELS, pick));
      await master.kill();
      await promoted(replica);
      doubt(from, loses, channels);
      await sleep(forMs);
      await master.restart();
      await follows(cluster, master);
    },
  },
  'freeze a master until its replica has its place': {
    lane: 'store',
    forMs: [0, 2_000],
    async run({ cluster, loses }, { pick, forMs, doubt }) {
      const from = now() - LAG_MS;
      const { master, replica, channels } = await pairOf(cluster, picked(CHANNELS, pick));
      master.pause();
      await promoted(replica);
      await sleep(forMs);
      master.resume();
      await follows(cluster, master);
      // Until it was told that it is none any more it may have taken appends.
      doubt(from, loses, channels);
    },
  },
  'freeze a master for a moment': {
    lane: 'store',
    forMs: [50, 700],
    async run({ cluster, loses }, { pick, forMs, doubt }) {
      const from = now() - LAG_MS;
      const { master, channels } = await pairOf(cluster, picked(CHANNELS, pick));
      master.pause();
      await sleep(forMs);
      master.resume();
      await settled(cluster);
      doubt(from, loses, channels);
    },
  },
  'have a replica take its master’s place': {
    lane: 'store',
    forMs: [0, 0],
    async run({ cluster }, { pick }) {
      const { replica, master } = await pairOf(cluster, picked(CHANNELS, pick));
      await askedToLead(replica);
      await follows(cluster, master);
    },
  },
  'kill a replica': {
    lane: 'store',
    forMs: [0, 3_000],
    async run({ cluster }, { pick, forMs }) {
      const { replica } = await pairOf(cluster, picked(CHANNELS, pick));
      await replica.kill();
      await sleep(forMs);
      await replica.restart();
      await settled(cluster);
    },
  },
  'move a channel to another master': {
    lane: 'store',
    forMs: [0, 0],
    async run({ cluster }, { pick }) {
      const channel = picked(CHANNELS, pick);
      const { master } = await pairOf(cluster, channel);
      await cluster.moveSlot(`{${channel}}`, master, await cluster.otherMaster(master));
      await settled(cluster);
    },
  },
  'make a replica that lags a master': {
    lane: 'store',
    forMs: [100, 900],
    rewinds: true,
    async run({ cluster, loses }, { pick, forMs, doubt }) {
      const from = now() - LAG_MS;
      const { master, replica, channels } = await pairOf(cluster, picked(CHANNELS, pick));
      // It gets nothing more: its connection is gone, and it cannot connect again.
      replica.pause();
      await master.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
      await sleep(forMs);
      await master.kill();
      replica.resume();
      await promoted(replica);
      doubt(from, loses, channels);
      await master.restart();
      await follows(cluster, master);
    },
  },
};

/** The master of a channel, its replica, and which of our channels they have. @param {RedisCluster} cluster @param {string} channel */
async function pairOf(cluster, channel) {
  await settled(cluster);
  const master = await cluster.masterOf(`{${channel}}`);
  const replica = await cluster.replicaOf(master);
  const masters = await Promise.all(CHANNELS.map((each) => cluster.masterOf(`{${each}}`)));
  return { master, replica, channels: CHANNELS.filter((_, n) => masters[n] === master) };
}

/** @param {RedisServer} replica */
const promoted = (replica) =>
  until(
    'the replica is a master',
    async () => (await replica.admin.info('replication')).includes('role:master'),
    PATIENCE_MS,
  );

/** Redis gives up after five seconds if a machine is busy; then it is asked again. @param {RedisServer} replica */
const askedToLead = (replica) =>
  until(
    'the replica that was asked is a master',
    async () => {
      if ((await replica.admin.info('replication')).includes('role:master')) return true;
      await replica.admin.call('CLUSTER', 'FAILOVER').catch(() => {});
      await sleep(1_000);
      return false;
    },
    PATIENCE_MS,
  );

/** Resolves once what was a master is a replica, and everything is well. @param {RedisCluster} cluster @param {RedisServer} master */
async function follows(cluster, master) {
  await until(
    'what was a master is a replica',
    async () => (await master.admin.info('replication')).includes('role:slave'),
    PATIENCE_MS,
  );
  await settled(cluster);
}

/** Resolves once all agree, and every master has its replica. @param {RedisCluster} cluster */
async function settled(cluster) {
  await cluster.healthy();
  await until(
    'every master has its replica',
    async () => {
      for (const { admin } of cluster.servers) {
        const info = await admin.info('replication');
        if (info.includes('role:master') && !info.includes('state=online')) return false;
      }
      return true;
    },
    PATIENCE_MS,
  );
}
