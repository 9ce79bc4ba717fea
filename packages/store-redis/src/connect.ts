import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { isCluster, NOT_FOR_CLUSTER_PIPELINES, NOT_FOR_PIPELINES } from './commands.js';
import type { RedisAddress } from './options.js';

/** Node options that keep ioredis from sending an append a second time, and from waiting for a server that is away. */
function safeRedis(commandTimeoutMs: number) {
  return {
    keyPrefix: '',
    replyMapping: 'legacy',
    stringNumbers: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    commandTimeout: commandTimeoutMs,
    maxLoadingRetryTime: 1_000,
    // A master that has become a replica: look again where the master is.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } as const satisfies RedisOptions;
}

function safeSingle(commandTimeoutMs: number) {
  return {
    ...safeRedis(commandTimeoutMs),
    lazyConnect: false,
    enableAutoPipelining: true,
    autoPipeliningIgnoredCommands: NOT_FOR_PIPELINES,
    enableOfflineQueue: false,
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
  } satisfies RedisOptions;
}

function safeCluster(commandTimeoutMs: number, redisOptions: ClusterOptions['redisOptions'] = {}) {
  return {
    keyPrefix: '',
    lazyConnect: false,
    enableAutoPipelining: true,
    autoPipeliningIgnoredCommands: NOT_FOR_CLUSTER_PIPELINES,
    enableOfflineQueue: false,
    scaleReads: 'master',
    // Anything above 0 sends commands again whose answer was lost.
    retryDelayOnFailover: 0,
    slotsRefreshInterval: 1_000,
    slotsRefreshTimeout: 1_000,
    clusterRetryStrategy: (attempt: number) => Math.min(100 * attempt, 1_000),
    redisOptions: { ...redisOptions, ...safeRedis(commandTimeoutMs) },
  } satisfies ClusterOptions;
}

/** Host and port of a node as a cluster names it. */
export const nodeName = ({ host, port }: RedisOptions) => `${host}:${port}`;

/** Begins to connect, with safe options. `address` is for messages: without user and password. */
export function connect(
  at: RedisAddress,
  commandTimeoutMs: number,
): { client: Redis | Cluster; address: string } {
  if ('client' in at) {
    const { client } = at;
    if (!isCluster(client)) {
      const { host, port, path, sentinels, name } = client.options;
      const address = sentinels?.length ? `Sentinel ${name}` : (path ?? `${host}:${port}`);
      return { client: client.duplicate(safeSingle(commandTimeoutMs)), address };
    }
    const nodes = client.nodes().map(({ options }) => nodeName(options));
    const overrides = safeCluster(commandTimeoutMs, client.options.redisOptions);
    return { client: client.duplicate([], overrides), address: nodes.join(',') || 'a cluster' };
  }
  if ('cluster' in at) {
    const nodes = at.cluster.map((node) => parseAddress(node.includes('://') ? node : `redis://${node}`));
    const first = nodes[0];
    if (first === undefined)
      throw new RangeError('Invalid cluster: expected at least one node as host:port, got none');
    const { username, password, tls } = first;
    const credentials = { ...(username && { username }), ...(password && { password }), ...(tls && { tls }) };
    return {
      client: new Cluster(
        nodes.map(({ host, port }) => ({ host, port })),
        safeCluster(commandTimeoutMs, credentials),
      ),
      address: nodes.map(nodeName).join(','),
    };
  }
  const { host, port } = parseAddress(at.url);
  return { client: new Redis(at.url, safeSingle(commandTimeoutMs)), address: `${host}:${port}` };
}

/** @throws RangeError, without the address: it may hold a password. */
function parseAddress(text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    throw new RangeError('Invalid Redis address: expected redis://[user:password@]host[:port] or rediss://…');
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    tls: url.protocol === 'rediss:' ? {} : undefined,
  };
}
