import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { isCluster } from './commands.js';
import type { ServerAddress } from './foreign-server.js';
import type { RedisAddress } from './options.js';
import {
  isSentinelAddress,
  type ParsedSentinels,
  parseAddress,
  parseSentinelAddress,
} from './parse-address.js';

/** Node options that keep ioredis from sending an append a second time, and from waiting for a server that is away. */
function safeRedis(commandTimeoutMs: number) {
  return {
    keyPrefix: '',
    replyMapping: 'legacy',
    stringNumbers: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // See gather-writes.ts.
    enableAutoPipelining: false,
    connectTimeout: 2_000,
    commandTimeout: commandTimeoutMs,
    maxLoadingRetryTime: 1_000,
    sentinelCommandTimeout: 1_000,
    sentinelRetryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
    // A master that has become a replica: look again where the master is.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } as const satisfies RedisOptions;
}

function safeSingle(commandTimeoutMs: number) {
  return {
    ...safeRedis(commandTimeoutMs),
    lazyConnect: false,
    enableOfflineQueue: false,
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
  } satisfies RedisOptions;
}

function safeCluster(commandTimeoutMs: number, redisOptions: ClusterOptions['redisOptions'] = {}) {
  return {
    keyPrefix: '',
    lazyConnect: false,
    enableAutoPipelining: false,
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
export const nodeName = ({ host, port }: Pick<RedisOptions, 'host' | 'port'>) => `${host}:${port}`;

export interface Connecting {
  readonly client: Redis | Cluster;
  /** For messages: without user and password. */
  readonly address: string;
  /** Where it connects to first, if that is known. */
  readonly server?: ServerAddress;
}

/** Begins to connect, with safe options. */
export function connect(at: RedisAddress, commandTimeoutMs: number): Connecting {
  if ('client' in at) {
    const { client } = at;
    if (!isCluster(client)) {
      const { host, port, path, sentinels, name } = client.options;
      const address = sentinels?.length
        ? sentinelName({ name: name ?? '', sentinels })
        : (path ?? `${host}:${port}`);
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
    const credentials = {
      ...(username && { username }),
      ...(password && { password }),
      ...(tls && { tls: {} }),
    };
    return {
      client: new Cluster(
        nodes.map(({ host, port }) => ({ host, port })),
        safeCluster(commandTimeoutMs, credentials),
      ),
      address: nodes.map(nodeName).join(','),
      server: first,
    };
  }
  if (isSentinelAddress(at.url)) return connectBySentinels(parseSentinelAddress(at.url), commandTimeoutMs);
  const server = parseAddress(at.url);
  return { client: new Redis(at.url, safeSingle(commandTimeoutMs)), address: nodeName(server), server };
}

function connectBySentinels(at: ParsedSentinels, commandTimeoutMs: number): Connecting {
  const { name, db, username, password, sentinelUsername, sentinelPassword, tls } = at;
  const sentinels = [...at.sentinels];
  const client = new Redis({
    ...safeSingle(commandTimeoutMs),
    sentinels,
    name,
    db,
    ...(username && { username }),
    ...(password && { password }),
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
    ...(tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
  });
  return { client, address: sentinelName({ name, sentinels }) };
}

function sentinelName({
  name,
  sentinels,
}: {
  readonly name: string;
  readonly sentinels: readonly { readonly host?: string; readonly port?: number }[];
}): string {
  return `${name} of the Sentinels ${sentinels.map(({ host, port }) => `${host}:${port}`).join(',')}`;
}
