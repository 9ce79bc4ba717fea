import { isCluster } from '../commands.js';
import type { Connection } from '../connection.js';
import type { Keys } from '../keys.js';
import { eventKeysKey } from './original-keys.js';

/** About how many keys are looked at, and how many by one command. */
const MOST_KEYS = 10_000;
const AT_ONCE = 1_000;
/** Channels of those that are looked at more closely. */
const MOST_CHANNELS = 20;

/**
 * What to tell of an original's data in this Redis if the store itself is empty: whoever has just changed the address of a server
 * would find that all consumers start at nothing. Looks at some keys only: nearly all that an original has are events. Undefined if
 * there is none, or Redis does not let it look.
 */
export async function originalWarning(connection: Connection, keys: Keys): Promise<string | undefined> {
  try {
    const channel = await findOriginalChannel(connection, keys);
    return channel === undefined
      ? undefined
      : `Redis at ${connection.address} has events of the original ganomede-events (channel ${JSON.stringify(channel)}), and this server's store there is empty: it does not read those, so that consumers start at nothing. "ganomede-events migrate" brings them over, see docs/moving.md`;
  } catch {
    return undefined;
  }
}

async function findOriginalChannel({ client }: Connection, keys: Keys): Promise<string | undefined> {
  // No original runs on a cluster.
  if (isCluster(client) || (await client.zcard(keys.channelList)) > 0) return undefined;
  let cursor = '0';
  for (let looked = 0; looked < MOST_KEYS; looked += AT_ONCE) {
    const [next, found] = await client.scan(cursor, 'COUNT', AT_ONCE);
    const ids = new Map<string, string>();
    for (const key of found) {
      const [, channel, id] = /^(.+):([1-9]\d{0,15})$/s.exec(key) ?? [];
      if (channel !== undefined && id !== undefined && ids.size < MOST_CHANNELS) ids.set(channel, id);
    }
    const pipeline = client.pipeline();
    for (const [channel, id] of ids) pipeline.zrange(eventKeysKey(channel), id, id, 'BYSCORE');
    // What is of another type is of another program.
    const members = ((await pipeline.exec()) ?? []).map(([, reply]) =>
      Array.isArray(reply) ? reply[0] : undefined,
    );
    const known = [...ids].find(([channel, id], i) => members[i] === `${channel}:${id}`);
    if (known !== undefined) return known[0];
    cursor = next;
    if (cursor === '0') return undefined;
  }
  return undefined;
}
