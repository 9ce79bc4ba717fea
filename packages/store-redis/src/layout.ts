import { EventsError } from '@ganomede/events-protocol';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import { unavailable } from './unavailable.js';

/** The version of what keys.ts describes. */
const LAYOUT = '2';

/** About how many keys, or members of a set, are looked at by one command. */
const AT_ONCE = 1_000;

/**
 * Sees to it that the keys are laid out as this version expects them: new ones are told to be so, and those of layout 1,
 * which did not tell, are brought over. Any number of servers may do so at once, and one that ends in the middle leaves the
 * rest to the next.
 *
 * @throws EventsError `ServiceUnavailable` if the layout is another one
 */
export async function openLayout(connection: Connection, keys: Keys): Promise<void> {
  const { layout, formerChannelSet } = keys;
  const found = await connection.run(layout, `read ${layout}`, (client) => client.get(layout));
  if (found !== null && found !== LAYOUT) {
    throw new EventsError(
      'ServiceUnavailable',
      `Cannot use Redis at ${connection.address}: expected ${layout} to be ${LAYOUT}, got ${JSON.stringify(found)}`,
    );
  }
  // Layout 1 had every channel there, and a server of that version that still runs adds its own again.
  const isFormer = await connection.run(formerChannelSet, `look for ${formerChannelSet}`, (client) =>
    client.exists(formerChannelSet),
  );
  if (isFormer) {
    await listConsumerTypes(connection, keys);
    // Last, since it is what tells that there is something to do.
    await moveChannels(connection, keys);
  }
  if (found === null) {
    await connection.run(layout, `write ${layout}`, (client) => client.set(layout, LAYOUT, 'NX'));
  }
}

/** Layout 1 had no list of the types that have cursors: they are found by their keys. */
async function listConsumerTypes(connection: Connection, keys: Keys): Promise<void> {
  for (const server of connection.servers()) {
    let cursor = '0';
    do {
      const [next, found] = await server
        .scan(cursor, 'MATCH', keys.cursorsPattern, 'COUNT', AT_ONCE)
        .catch((error: unknown) => {
          throw unavailable('look for saved cursors', connection.address, error);
        });
      cursor = next;
      await Promise.all(
        found.map(async (key) => {
          const scope = keys.parseCursors(key);
          if (scope === undefined) return;
          const set = keys.consumerTypes(scope.channel);
          await connection.run(set, `write ${set}`, (each) => each.sadd(set, scope.type ?? ''));
        }),
      );
    } while (cursor !== '0');
  }
}

/** Layout 1 had the names of all channels in a set, which is not sorted. */
async function moveChannels(connection: Connection, keys: Keys): Promise<void> {
  const { formerChannelSet, channelList } = keys;
  let cursor = '0';
  do {
    const [next, names] = await connection.run(formerChannelSet, `read ${formerChannelSet}`, (client) =>
      client.sscan(formerChannelSet, cursor, 'COUNT', AT_ONCE),
    );
    cursor = next;
    if (names.length === 0) continue;
    const scored = names.flatMap((name) => [0, name]);
    await connection.run(channelList, `write ${channelList}`, (client) =>
      client.zadd(channelList, ...scored),
    );
    await connection.run(formerChannelSet, `write ${formerChannelSet}`, (client) =>
      client.srem(formerChannelSet, ...names),
    );
  } while (cursor !== '0');
}
