import { connect } from 'node:net';
import { EventsError, parseChannel } from '@ganomede/events-protocol';
import type { EventStore, StoreOptions } from '@ganomede/events-store';
import { openMemoryStore } from '@ganomede/events-store/memory';
import type { RedisAddress } from '@ganomede/events-store-redis';
import { type Config, ConfigError } from './config.js';
import { readRetentionTable } from './retention-table.js';

/** How long a developer's machine is asked for a Redis that nobody has configured, milliseconds. */
const PROBE_TIMEOUT_MS = 300;

/** Which store, and why. */
export interface StoreChoice {
  readonly kind: 'redis' | 'embedded' | 'memory';
  readonly reason: string;
  /** True if nobody asked for it: the other one will do as well. */
  readonly optional?: true;
}

export interface OpenedStore {
  readonly store: EventStore;
  /** Which store, why, and how to choose the other: for the first line of the log. */
  readonly description: string;
}

/**
 * The store that the configuration asks for. If it does not say: Redis if one of its variables is set, or in
 * production; on a developer's machine Redis if one answers on localhost:6379, else the embedded store.
 *
 * @throws ConfigError if two variables contradict each other.
 */
export async function chooseStore(config: Config): Promise<StoreChoice> {
  const given = redisVariable(config);
  if (config.eventsStore !== undefined)
    return { kind: config.eventsStore, reason: 'EVENTS_STORE or --store says so' };
  if (given !== undefined) return { kind: 'redis', reason: `${given} is set` };
  if (config.nodeEnv === 'production') return { kind: 'redis', reason: 'NODE_ENV is production' };
  if (await answers('localhost', 6379)) {
    return { kind: 'redis', reason: 'a Redis answers on localhost:6379', optional: true };
  }
  return { kind: 'embedded', reason: 'no Redis answers on localhost:6379' };
}

/**
 * Opens the chosen store. The rest of the server knows only the contract.
 *
 * @throws EventsError `ServiceUnavailable` if it cannot be opened.
 */
export async function openStore(
  config: Config,
  onWarning: (message: string) => void,
  choice?: StoreChoice,
): Promise<OpenedStore> {
  const { kind, reason, optional } = choice ?? (await chooseStore(config));
  if (kind === 'embedded') return openEmbedded(config, reason);
  if (kind === 'memory') return openMemory(config, reason);
  try {
    return await openRedis(config, reason, onWarning, optional);
  } catch (error) {
    if (!(error instanceof EventsError)) throw error;
    if (!optional) {
      const hint = `Redis was chosen because ${reason}; EVENTS_STORE=embedded chooses a folder of this machine`;
      throw new EventsError(error.code, `${error.message}. ${hint}`, { cause: error });
    }
    return openEmbedded(config, `the Redis on localhost:6379 is of no use (${error.message})`);
  }
}

/** The first variable of the environment that says where Redis is. */
function redisVariable(config: Config): string | undefined {
  const { redisUrl, redisClusterNodes, redisSentinels } = config;
  const given = Object.entries({
    REDIS_URL: redisUrl,
    REDIS_CLUSTER_NODES: redisClusterNodes,
    REDIS_SENTINELS: redisSentinels,
  }).flatMap(([variable, value]) => (value === undefined ? [] : [variable]));
  const [first, second] = given;
  if (second !== undefined)
    throw new ConfigError([`${second}: expected nothing if ${first} is set; got both`]);
  if (first !== undefined) return first;
  if (config.redisHost !== undefined) return 'REDIS_EVENTS_PORT_6379_TCP_ADDR';
  if (config.redisPort !== undefined) return 'REDIS_EVENTS_PORT_6379_TCP_PORT';
  return undefined;
}

async function openEmbedded(config: Config, reason: string): Promise<OpenedStore> {
  // Loaded only if it is used: it is native code, which Redis needs nothing of.
  const { openLmdbStore } = await import('@ganomede/events-store-lmdb');
  const { dataDir, diskReserveBytes } = config;
  const store = await openLmdbStore({ dataDir, diskReserveBytes, ...storeOptions(config) });
  return {
    store,
    description: `storing events in the folder ${dataDir}, because ${reason} (EVENTS_STORE=redis chooses Redis)`,
  };
}

async function openMemory(config: Config, reason: string): Promise<OpenedStore> {
  return {
    store: await openMemoryStore(storeOptions(config)),
    description: `storing events in memory, because ${reason}: nothing is kept when the server stops (EVENTS_STORE=embedded chooses a folder of this machine)`,
  };
}

async function openRedis(
  config: Config,
  reason: string,
  onWarning: (message: string) => void,
  optional = false,
): Promise<OpenedStore> {
  const { createRedisStore } = await import('@ganomede/events-store-redis');
  const store = await createRedisStore({
    ...redisAddress(config),
    ...storeOptions(config),
    keyPrefix: config.redisKeyPrefix,
    minReplicas: config.redisMinReplicas,
    // Nobody waits for one that nobody has asked for.
    ...(!optional && { connectTimeoutMs: config.redisConnectTimeoutMs }),
    onWarning,
  });
  return {
    store,
    description: `storing events in Redis, because ${reason} (EVENTS_STORE=embedded chooses a folder of this machine)`,
  };
}

function redisAddress(config: Config): RedisAddress {
  const { redisUrl, redisClusterNodes, redisSentinels, redisSentinelName, redisHost, redisPort } = config;
  if (redisClusterNodes !== undefined)
    return { cluster: redisClusterNodes.split(',').map((node) => node.trim()) };
  if (redisSentinels !== undefined)
    return {
      url: `redis+sentinel://${redisSentinels.replaceAll(' ', '')}/${encodeURIComponent(redisSentinelName)}`,
    };
  return { url: redisUrl ?? `redis://${redisHost ?? 'localhost'}:${redisPort ?? 6379}` };
}

function storeOptions(config: Config): StoreOptions {
  const { typedChannels, idempotencyWindowS, retentionMaxAgeS, retentionMaxEvents } = config;
  const channels = config.retention === undefined ? {} : readRetentionTable(config.retention);
  checkWholeChannels(Object.keys(channels ?? {}), typedChannels);
  return {
    typedChannels,
    idempotencyWindowMs: idempotencyWindowS * 1000,
    retention: {
      maxAgeMs: retentionMaxAgeS === undefined ? undefined : retentionMaxAgeS * 1000,
      maxEvents: retentionMaxEvents,
      channels,
    },
  };
}

/** @throws ConfigError if one of them is one type of a channel: what a channel keeps is the same for all of its types */
function checkWholeChannels(patterns: readonly string[], typedChannels: boolean): void {
  const typed = patterns.find((pattern) => parseChannel(pattern, typedChannels).type !== undefined);
  if (typed === undefined) return;
  throw new ConfigError([
    `RETENTION: expected whole channels, as TYPED_CHANNELS is on; got ${JSON.stringify(typed)}`,
  ]);
}

/** Whether a Redis that needs no password answers there. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PROBE_TIMEOUT_MS }, () => socket.write('PING\r\n'));
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (reply) => done(reply.toString().startsWith('+PONG')));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
    socket.once('end', () => done(false));
  });
}
