import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { EventStore } from '@ganomede/events-store';
import { openMemoryStore } from '@ganomede/events-store/memory';
import type { FastifyInstance } from 'fastify';
import { buildApp } from '../app.js';
import type { RouteSettings } from '../events-plugin.js';

export interface StartServerOptions extends Partial<RouteSettings> {
  /** Stays the caller's: closing the server does not close it. Default: a store in memory, which is the server's. */
  readonly store?: EventStore;
}

/** A server that listens on 127.0.0.1. */
export interface RunningServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** What clients have to send: `apiSecret`, or a random one. */
  readonly secret: string;
  readonly store: EventStore;
  /** Ends waiting polls, and resolves once nothing of the server is left. */
  close(): Promise<void>;
}

/**
 * Starts a server for a test: the whole of it, on a free port of this machine, with an empty store in memory. Nothing is
 * logged, and nothing is kept.
 *
 * @throws TypeError (as a rejection) if `apiSecret` is empty
 */
export async function startServer(options: StartServerOptions = {}): Promise<RunningServer> {
  const { store: given, apiSecret: secret = randomUUID(), ...settings } = options;
  const store = given ?? (await openMemoryStore());
  let app: FastifyInstance | undefined;
  const close = async () => {
    await app?.close();
    if (given === undefined) await store.close();
  };
  try {
    app = buildApp({ store, config: { ...settings, apiSecret: secret }, directAnswers: true });
    await app.listen({ port: 0, host: '127.0.0.1' });
  } catch (error) {
    await close();
    throw error;
  }
  const { port } = app.server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, secret, store, close, [Symbol.asyncDispose]: close };
}
