import http from 'node:http';
import { afterEach, expect } from 'vitest';
import { type AnyChannels, Client, type ClientOptions, type Cycle, type RequestError } from '../src/index.js';
import { HostileServer } from './hostile-server.js';

const cleanups: (() => Promise<void> | void)[] = [];

// Every test ends with no connection open on either side.
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs after the test; the last one registered runs first. */
export function cleanUp(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

export async function startServer(): Promise<HostileServer> {
  const server = await HostileServer.start();
  cleanUp(() => server.stop());
  return server;
}

/** A client of the server with connections of its own, quick retries, and a check that it leaves nothing behind. */
export function clientOf<Channels extends { [Name in keyof Channels]: object } = AnyChannels>(
  server: {
    readonly port: number;
    readonly openSockets: number;
    until(condition: () => boolean): Promise<void>;
  },
  options: Partial<ClientOptions> = {},
): Client<Channels> {
  const agent = new http.Agent({ keepAlive: true });
  const client = new Client<Channels>('tester', {
    secret: 's3cret',
    hostname: '127.0.0.1',
    port: server.port,
    agent,
    retryBaseMs: 4,
    retryMaxMs: 8,
    retrySlowMs: 8,
    // What a client says when it goes has a test of its own.
    closeTimeoutMs: 0,
    ...options,
  });
  cleanUp(async () => {
    await client.close();
    // A socket that close() has destroyed leaves its agent with its 'close' event, a turn of the loop later.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(Object.keys(agent.sockets)).toEqual([]);
    expect(Object.keys(agent.requests)).toEqual([]);
    agent.destroy();
    await server.until(() => server.openSockets === 0);
  });
  return client;
}

/** Everything that a client emits, in order, as short texts. */
export function recordOf(client: Client, ...channels: string[]): string[] {
  const record: string[] = [];
  const place = (after: number | null) => after ?? 'saved';
  client.on('error', (error: RequestError, channel) => record.push(`error ${error.code} ${channel}`));
  client.on('cycle', ({ finished, next }: Cycle, channel) => {
    record.push(`cycle ${place(finished.after)}-${place(next.after)} ${channel}`);
  });
  client.on('drain', () => record.push('drain'));
  for (const name of channels) client.on(name, (event, channel) => record.push(`${event.id} ${channel}`));
  return record;
}

/** Resolves with the arguments of the n-th time (from 1) that the client emits `name` from now on. */
export function emitted(client: Client, name: string, n = 1): Promise<unknown[]> {
  return new Promise((resolve) => {
    let left = n;
    const count = (...args: unknown[]) => {
      left -= 1;
      if (left > 0) return;
      client.removeListener(name, count);
      resolve(args);
    };
    client.on(name, count);
  });
}

/** Collects what would end the process, until the test is over. */
export function uncaught(): unknown[] {
  const errors: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => errors.push(error));
  cleanUp(() => process.setUncaughtExceptionCaptureCallback(null));
  return errors;
}
