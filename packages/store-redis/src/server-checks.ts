import { EventsError } from '@ganomede/events-protocol';
import type { Redis } from 'ioredis';
import { isCluster } from './commands.js';
import type { Connection } from './connection.js';

/** The oldest Redis that has sharded pub/sub. */
const OLDEST_MAJOR = 7;

/** The servers whose configuration counts. */
function servers({ client }: Connection): Redis[] {
  return isCluster(client) ? client.nodes('master') : [client as Redis];
}

/**
 * @throws EventsError `ServiceUnavailable` if a server is too old. One that does not tell its version is taken
 * as new enough.
 */
export async function checkVersion(connection: Connection): Promise<void> {
  for (const server of servers(connection)) {
    const info = await server.info('server').catch(() => '');
    const version = /^redis_version:(\d+)\.\S*/m.exec(info);
    if (version === null || Number(version[1]) >= OLDEST_MAJOR) continue;
    const found = version[0].split(':')[1];
    throw new EventsError(
      'ServiceUnavailable',
      `Cannot use Redis at ${connection.address}: expected version ${OLDEST_MAJOR} or newer, got ${found}`,
    );
  }
}

/** What somebody should know who trusts this Redis with events; nothing if it does not tell its configuration. */
export async function findWarnings(connection: Connection): Promise<string[]> {
  const found = new Set<string>();
  await Promise.all(
    servers(connection).map(async (server) => {
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
    }),
  );
  return [...found];
}
