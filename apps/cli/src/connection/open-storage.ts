import { existsSync } from 'node:fs';
import type { Storage } from '@ganomede/events-store';
import type { RedisAddress } from '@ganomede/events-store-redis';
import { wrongUsage } from '../terminal/cli-error.js';

/** What stands for a store on the command line, for help texts. */
export const ADDRESS_RULE =
  'a folder, redis://host:6379, redis+sentinel://host:port,host:port/name or redis+cluster://host:port,host:port';

export interface OpenStorageOptions {
  /** Of the keys in Redis; undefined: the default of the store. */
  readonly keyPrefix?: string | undefined;
  /** Whether a folder that is not there is made. */
  readonly mayCreate: boolean;
  readonly onWarning: (text: string) => void;
}

/**
 * Opens what a store is built on, by its address. What it needs is loaded only now.
 *
 * @throws CliError if the address cannot be used; EventsError if the store cannot be opened
 */
export async function openStorage(
  address: string,
  { keyPrefix, mayCreate, onWarning }: OpenStorageOptions,
): Promise<Storage> {
  if (isRedis(address)) {
    const { openRedisStorage } = await import('@ganomede/events-store-redis');
    return openRedisStorage({
      ...redisAddress(address),
      ...(keyPrefix !== undefined && { keyPrefix }),
      onWarning,
    });
  }
  if (address === '' || address.includes('://'))
    throw wrongUsage(`The store cannot be used: expected ${ADDRESS_RULE}.`);
  if (!mayCreate && !existsSync(address)) throw wrongUsage(`There is no folder ${address}.`);
  const { openLmdbStorage } = await import('@ganomede/events-store-lmdb');
  return openLmdbStorage({ dataDir: address });
}

const CLUSTER = 'redis+cluster://';

/** @throws CliError if it is none */
export function redisAddress(address: string): RedisAddress {
  if (!isRedis(address)) throw wrongUsage('Expected the address of a Redis, such as redis://host:6379.');
  if (!address.startsWith(CLUSTER)) return { url: address };
  const [first = '', ...others] = address.slice(CLUSTER.length).split(',');
  // The first one may say user and password, for all.
  return { cluster: [`redis://${first}`, ...others] };
}

function isRedis(address: string): boolean {
  return /^(rediss?|redis\+sentinel|redis\+cluster):\/\//.test(address);
}
