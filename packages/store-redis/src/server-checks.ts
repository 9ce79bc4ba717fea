import { EventsError } from '@ganomede/events-protocol';
import type { Redis } from 'ioredis';
import { isCluster } from './commands.js';
import type { Connection } from './connection.js';

/** The oldest Redis that has sharded pub/sub. */
const OLDEST_MAJOR = 7;

/**
 * @throws EventsError `ServiceUnavailable` if what answers is no Redis that a store can be on: too old, a Sentinel, a
 * read-only replica, one server of a cluster. One that does not tell is taken as fit.
 */
export async function checkKind(connection: Connection): Promise<void> {
  for (const server of connection.servers()) {
    const info = await server.info().catch(() => '');
    const problem = findProblem(info) ?? (await findCluster(connection, server));
    if (problem === undefined) continue;
    throw new EventsError('ServiceUnavailable', `Cannot use Redis at ${connection.address}: ${problem}`);
  }
}

function findProblem(info: string): string | undefined {
  const field = (name: string) => new RegExp(`^${name}:(\\S*)`, 'm').exec(info)?.[1];
  if (field('(?:redis|server)_mode') === 'sentinel') {
    return 'expected a Redis, found a Sentinel: redis+sentinel://host:port,host:port/<name of the master> asks Sentinels where their Redis is';
  }
  const version = field('redis_version');
  if (version !== undefined && Number.parseInt(version, 10) < OLDEST_MAJOR) {
    return `expected version ${OLDEST_MAJOR} or newer, got ${version}`;
  }
  if (field('role') === 'slave' && field('slave_read_only') === '1') {
    return `expected a Redis that takes writes, found a read-only replica of ${field('master_host')}:${field('master_port')}`;
  }
  return undefined;
}

/** One server of a cluster has a part of the channels. */
async function findCluster({ client }: Connection, server: Redis): Promise<string | undefined> {
  if (isCluster(client)) return undefined;
  const info = String(await server.cluster('INFO').catch(() => ''));
  const size = Number(/^cluster_size:(\d+)/m.exec(info)?.[1] ?? 0);
  return size > 1
    ? `expected a Redis, found one of ${size} masters of a Redis Cluster, which has to be given as such (REDIS_CLUSTER_NODES)`
    : undefined;
}

/** What somebody should know who trusts this Redis with events; of its configuration nothing if it does not tell that. */
export async function findWarnings(connection: Connection): Promise<string[]> {
  const found = new Set<string>();
  await Promise.all(
    connection.servers().map(async (server) => {
      const read = async (name: string) => ((await server.config('GET', name)) as string[])[1] ?? '';
      try {
        const [save, appendonly, policy] = await Promise.all([
          read('save'),
          read('appendonly'),
          read('maxmemory-policy'),
        ]);
        if (save === '' && appendonly === 'no') {
          found.add(
            `Redis at ${connection.address} persists nothing: its events are gone when it restarts. Set appendonly yes.`,
          );
        }
        if (policy.startsWith('allkeys-')) {
          found.add(
            `Redis at ${connection.address} may drop events when its memory is full (maxmemory-policy ${policy}). Set maxmemory-policy noeviction.`,
          );
        }
      } catch {
        // CONFIG is forbidden to us, as it is on most hosted servers.
      }
      const replication = await server.info('replication').catch(() => undefined);
      // See append.lua.
      if (replication !== undefined && !/^master_replid:[0-9a-f]/m.test(replication)) {
        found.add(
          `Redis at ${connection.address} does not tell its replication id (INFO replication): if it comes back older, after a restart or a failover, that is not noticed, and consumers may skip events.`,
        );
      }
    }),
  );
  return [...found];
}
