import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Event, EventHeader } from '@ganomede/events-protocol';
import { type AppOptions, buildApp } from '@ganomede/events-server';
import type { EventStore, StoreOptions } from '@ganomede/events-store';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { TemporaryFolder } from '@ganomede/events-testing';
import type { FastifyInstance } from 'fastify';
import { expect, onTestFinished } from 'vitest';
import { createLogger } from '../../src/process/logger.js';

export const SECRET = 'a secret of the tests';
export const BEARER = { Authorization: `Bearer ${SECRET}` };

/** A real server on a free port, on a store in a folder of its own; both end with the test. */
export interface TestServer {
  readonly app: FastifyInstance;
  readonly store: EventStore;
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  readonly port: number;
  /** A request under `/events/v1`, with the secret in its header. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  publish(channel: string, data?: object): Promise<EventHeader>;
  read(channel: string, query?: Record<string, string | number>): Promise<Event[]>;
}

export async function startServer(
  options: Partial<AppOptions['config']> & {
    logger?: AppOptions['logger'];
    storeOptions?: StoreOptions;
    trustProxy?: string;
  } = {},
): Promise<TestServer> {
  const { logger, storeOptions, trustProxy, ...config } = options;
  const log: string[] = [];
  const folder = new TemporaryFolder();
  const store = await openLmdbStore({ dataDir: folder.path, ...storeOptions });
  const app = buildApp({
    store,
    trustProxy,
    directAnswers: true,
    config: {
      apiSecret: SECRET,
      pollTimeoutMs: 10_000,
      maxLimit: 10_000,
      maxBodyBytes: 1024 * 1024,
      ...config,
    },
    logger: logger ?? createLogger('trace', { write: (line) => void log.push(line) }, [SECRET]),
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(async () => {
    await app.close();
    expect(store.waiting, 'polls left behind').toBe(0);
    await store.close();
    folder.remove();
    expectNoSecret(log.join(''));
  });

  const { port } = app.server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const request = (path: string, init: RequestInit = {}) =>
    fetch(`${origin}/events/v1${path}`, { ...init, headers: { ...BEARER, ...(init.headers as object) } });
  return {
    app,
    store,
    origin,
    port,
    fetch: request,
    publish: async (channel, data) => {
      const response = await request(
        '/events',
        json({ clientId: 'publisher', channel, from: 'test', type: 'add', data }),
      );
      expect(response.status).toBe(200);
      return (await response.json()) as EventHeader;
    },
    read: async (channel, query = {}) => {
      const params = new URLSearchParams({ clientId: 'reader', channel });
      for (const [key, value] of Object.entries(query)) params.set(key, String(value));
      const response = await request(`/events?${params}`);
      expect(response.status).toBe(200);
      return (await response.json()) as Event[];
    },
  };
}

/** No test leaves a secret in a log, whatever it sends. */
export function expectNoSecret(log: string): void {
  expect(log.includes(SECRET), 'the secret is in the log').toBe(false);
  expect(log.includes(encodeURIComponent(SECRET)), 'the secret is in the log').toBe(false);
}

/** A POST of a JSON body. */
export function json(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

export function randomChannel(): string {
  return `test/${randomUUID()}`;
}

/** Resolves once a number of polls wait at the store. */
export async function waitingPolls(store: EventStore, count: number): Promise<void> {
  await expect.poll(() => store.waiting, { interval: 2 }).toBe(count);
}
