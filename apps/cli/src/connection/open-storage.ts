import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Storage } from '@ganomede/events-store';
import type { RedisAddress } from '@ganomede/events-store-redis';
import { wrongUsage } from '../terminal/cli-error.js';

/** What stands for a store on the command line, for help texts. */
export const ADDRESS_RULE =
  'a folder, redis://host:6379, redis+sentinel://host:port,host:port/name or redis+cluster://host:port,host:port';

/** What a folder that holds a store has. */
const STORE_FILE = 'events.mdb';

export interface OpenStorageOptions {
  /** Of the keys in Redis; undefined: the default of the store. */
  readonly keyPrefix?: string | undefined;
  /** Whether a folder, or a store in it, that is not there is made. */
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
  if (!mayCreate) {
    if (!existsSync(address)) throw wrongUsage(`There is no folder ${address}.`);
    // It would be made, and be empty.
    if (!existsSync(join(address, STORE_FILE)))
      throw wrongUsage(`There is no store in the folder ${address}: expected a file ${STORE_FILE}.`);
  }
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
