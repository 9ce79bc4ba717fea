import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Client } from '../src/index.js';
import { events } from './hostile-server.js';
import { cleanUp, emitted, startServer } from './setup.js';

beforeEach(() => {
  vi.stubEnv('API_SECRET', undefined);
  vi.stubEnv('EVENTS_URL', undefined);
});
afterEach(() => void vi.unstubAllEnvs());

function fromEnv(options?: Parameters<typeof Client.fromEnv>[1]): Client {
  const client = Client.fromEnv('tester', options);
  cleanUp(() => client.close());
  return client;
}

/** The request that a client makes to listen. */
async function requestOf(client: Client, server: Awaited<ReturnType<typeof startServer>>) {
  await emitted(client, 'a');
  return server.requests[0];
}

test('takes the secret and the address from the environment', async () => {
  const server = (await startServer()).script(events(1));
  vi.stubEnv('API_SECRET', 'from the environment');
  vi.stubEnv('EVENTS_URL', `http://127.0.0.1:${server.port}/gate/events/v1`);
  const request = await requestOf(fromEnv({ limit: 7 }), server);
  expect(request?.headers.authorization).toBe('Bearer from the environment');
  expect(request?.pathname).toBe('/gate/events/v1/events');
  expect(request?.query.get('limit')).toBe('7');
});

test('options go before', async () => {
  const server = (await startServer()).script(events(1));
  vi.stubEnv('API_SECRET', 'from the environment');
  vi.stubEnv('EVENTS_URL', 'http://127.0.0.1:1');
  const request = await requestOf(
    fromEnv({ secret: 'of my own', hostname: '127.0.0.1', port: server.port }),
    server,
  );
  expect(request?.headers.authorization).toBe('Bearer of my own');
});

test('without EVENTS_URL the server is where every client expects it', async () => {
  vi.stubEnv('API_SECRET', 's3cret');
  vi.stubEnv('EVENTS_URL', '');
  const client = fromEnv({ sendTimeoutMs: 1 });
  const error = await client.send('a', { from: 'x', type: 'y' }).catch((error: unknown) => error);
  expect(String(error)).toContain('POST http://localhost:8000/events/v1/events');
});

test.each([
  [{}, 'Invalid API_SECRET: expected the secret of the server, got none'],
  [{ API_SECRET: '' }, 'Invalid API_SECRET: expected the secret of the server, got none'],
  [{ API_SECRET: 's', EVENTS_URL: 'events.example' }, /^Invalid EVENTS_URL: expected an absolute URL/],
  [{ API_SECRET: 's', EVENTS_URL: 'ftp://a' }, /^Invalid EVENTS_URL: expected the protocol http or https/],
  [{ API_SECRET: 's', EVENTS_URL: 'http://me:hidden@a' }, /^Invalid EVENTS_URL: (?!.*hidden)/],
])('%j is said to be wrong', (env, message) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  expect(() => Client.fromEnv('tester')).toThrow(message);
});

test('what is wrong with the options is not blamed on the environment', () => {
  vi.stubEnv('API_SECRET', 's3cret');
  expect(() => Client.fromEnv('tester', { secret: 5 as never })).toThrow(/^Invalid secret/);
  expect(() => Client.fromEnv('tester', { url: 'x' })).toThrow(/^Invalid url/);
  expect(() => Client.fromEnv('', {})).toThrow(/^Invalid clientId/);
});

const sources = readdirSync(new URL('../src', import.meta.url)).map((file) => ({
  file,
  text: readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8'),
}));

test('nothing else reads the environment', () => {
  const places = sources.flatMap(({ file, text }) => [...text.matchAll(/process\.env/g)].map(() => file));
  expect(places).toEqual(['client.ts']);
  vi.stubEnv('API_SECRET', 's3cret');
  expect(() => new Client('tester', {} as never)).toThrow(/^Invalid secret/);
});

test('of the protocol only the plain door is imported', () => {
  const doors = sources.flatMap(({ text }) => text.match(/@ganomede\/events-protocol[^']*/g) ?? []);
  expect(doors.length).toBeGreaterThan(3);
  expect(new Set(doors)).toEqual(new Set(['@ganomede/events-protocol']));
});
