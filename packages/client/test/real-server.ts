import type { AddressInfo } from 'node:net';
import { buildApp } from '@ganomede/events-server';
import { type LmdbStoreOptions, openLmdbStore } from '@ganomede/events-store-lmdb';
import { TemporaryFolder } from '@ganomede/events-testing';
import { cleanUp } from './setup.js';

/** A real server with an embedded store, until the test is over. Resolves with its URL. */
export async function startRealServer(
  apiSecret: string,
  options: Omit<LmdbStoreOptions, 'dataDir'> = {},
): Promise<string> {
  const folder = new TemporaryFolder();
  cleanUp(() => folder.remove());
  const store = await openLmdbStore({ dataDir: folder.path, ...options });
  cleanUp(() => store.close());
  const app = buildApp({ store, config: { apiSecret, pollTimeoutMs: 2000 } });
  cleanUp(() => app.close());
  await app.listen({ port: 0, host: '127.0.0.1' });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}
