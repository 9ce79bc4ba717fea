import { expect, test } from 'vitest';
import type { Client } from '../src/index.js';
import { eventOf, events, text } from './hostile-server.js';
import { clientOf, startServer } from './setup.js';

test('reads the newest events, without saying that anything was read', async () => {
  const server = (await startServer()).script(events(8, 9));
  expect(await clientOf(server).getLatestEvents('users/v1:add', 2)).toEqual([eventOf(8), eventOf(9)]);
  const { method, pathname, query, headers } = await server.request(1);
  expect([method, pathname]).toEqual(['GET', '/events/v1/latest']);
  expect([...query]).toEqual([
    ['channel', 'users/v1:add'],
    ['limit', '2'],
  ]);
  expect(headers.authorization).toBe('Bearer s3cret');
});

test.each([
  ['/gate/events/v1', '/gate/events/v1/latest'],
  ['/my/prefix', '/my/prefix/latest'],
  ['/own/events', '/own/latest'],
  ['/events', '/latest'],
])('lives next to the endpoint: %s', async (pathname, expected) => {
  const server = (await startServer()).script(events());
  expect(await clientOf(server, { pathname }).getLatestEvents('a')).toEqual([]);
  const { pathname: requested, query } = await server.request(1);
  expect([requested, query.get('limit')]).toEqual([expected, '100']);
});

test('calls back', async () => {
  const server = (await startServer()).script(events(1), text('no', 400));
  const client = clientOf(server);
  const args = await new Promise((resolve) => {
    const returned: unknown = client.getLatestEvents('a', 10, (...args) => resolve([returned, ...args]));
  });
  expect(args).toEqual([undefined, null, [eventOf(1)]]);
  const error = await new Promise((resolve) => client.getLatestEvents('a', undefined, resolve));
  expect(error).toMatchObject({ statusCode: 400 });
});

test('is repeated after a failure', async () => {
  const server = (await startServer()).script(text('', 502), events(2, 1), events(1));
  expect(await clientOf(server).getLatestEvents('a')).toEqual([eventOf(1)]);
});

test.each([
  ['', 1, /^Invalid channel/],
  ['error', 1, /^Invalid channel/],
  ['a', 0, /^Invalid limit/],
  ['a', '7', /^Invalid limit: expected an integer from 1 to \d+, got "7"$/],
])('%j %j is a TypeError, later', async (channel, limit, message) => {
  const server = await startServer();
  await expect(clientOf(server).getLatestEvents(channel, limit as number)).rejects.toThrow(message);
  expect(server.requests).toEqual([]);
});

test('a failure that nobody looks at is no unhandled rejection; a closed client fails', async () => {
  const client: Client = clientOf(await startServer());
  await client.close();
  client.getLatestEvents('a');
  await expect(client.getLatestEvents('a')).rejects.toMatchObject({ code: 'Closed' });
});
