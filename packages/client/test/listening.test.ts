import { EventEmitter, once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { Cursor } from '../src/index.js';
import { eventOf, events, json } from './hostile-server.js';
import { cleanUp, clientOf, emitted, recordOf, startServer } from './setup.js';

const afters = (requests: { query: URLSearchParams }[]) => requests.map(({ query }) => query.get('after'));

test('handlers get each event in order, and the channel', async () => {
  const server = (await startServer()).script(events(3, 4), events(9));
  const client = clientOf(server);
  expect(client).toBeInstanceOf(EventEmitter);
  const got: unknown[] = [];
  client.on('users/v1', (...args) => got.push(args));
  await server.request(3);
  expect(got).toEqual([3, 4, 9].map((id) => [eventOf(id), 'users/v1']));
});

test('the first request lets the server decide where to begin, the next ones acknowledge the last event', async () => {
  const server = (await startServer()).script(json([]), events(3, 4), json([]), events(5));
  const client = clientOf(server);
  client.on('a', () => {});
  await server.request(5);
  expect(afters(server.requests)).toEqual([null, null, '4', '4', '5']);
});

test.each(['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const)(
  '%s begins to listen',
  async (method) => {
    const server = (await startServer()).script(events(1));
    const client = clientOf(server);
    const event = await new Promise((resolve) => client[method]('a', resolve));
    expect(event).toEqual(eventOf(1));
  },
);

test('events.once() works', async () => {
  const server = (await startServer()).script(events(1));
  expect(await once(clientOf(server), 'a')).toEqual([eventOf(1), 'a']);
});

test('one request at a time, however many handlers', async () => {
  const server = await startServer();
  const client = clientOf(server);
  for (let i = 0; i < 5; i += 1) client.on('a', () => {});
  await server.request(1);
  client.on('a', () => {});
  client.on('b', () => {});
  await server.request(2);
  expect(server.requestsOf('a')).toHaveLength(1);
  expect(server.requestsOf('b')).toHaveLength(1);
  expect(server.openSockets).toBe(2);
});

test('many channels are no reason for a warning', async () => {
  const warnings: Error[] = [];
  const watch = (warning: Error) => warnings.push(warning);
  process.on('warning', watch);
  cleanUp(() => void process.off('warning', watch));
  const server = await startServer();
  const client = clientOf(server);
  for (let i = 0; i < 30; i += 1) client.on(`channel ${i}`, () => {});
  await server.request(30);
  await client.close();
  expect(warnings).toEqual([]);
});

test('every handler gets every event once', async () => {
  const server = (await startServer()).script(events(1, 2));
  const client = clientOf(server);
  const got: string[] = [];
  for (const name of ['first', 'second']) client.on('a', ({ id }) => got.push(`${name} ${id}`));
  await server.request(2);
  expect(got).toEqual(['first 1', 'second 1', 'first 2', 'second 2']);
});

test('a channel and one type of it are two channels', async () => {
  const server = await startServer();
  server.scriptOf('users/v1', events(1, 2)).scriptOf('users/v1:add', events(2));
  const client = clientOf(server);
  const record = recordOf(client, 'users/v1', 'users/v1:add');
  await server.until(() => server.requests.length === 4);
  expect(record.filter((line) => !line.startsWith('cycle')).sort()).toEqual([
    '1 users/v1',
    '2 users/v1',
    '2 users/v1:add',
  ]);
});

describe('what is not polled', () => {
  test('the special names, and symbols', async () => {
    const server = await startServer();
    const client = clientOf(server);
    for (const name of ['newListener', 'removeListener', 'error', 'drain', 'cycle'] as const) {
      client.on(name, () => {});
    }
    client.on(Symbol('local'), () => {});
    client.on('a', () => {});
    await server.request(1);
    expect(server.requests).toHaveLength(1);
  });

  test('a channel whose handlers are removed in the same tick', async () => {
    const server = await startServer();
    const client = clientOf(server);
    const handler = () => {};
    client.on('a', handler).removeListener('a', handler);
    client.on('b', handler);
    await server.request(1);
    expect(server.requestsOf('a')).toEqual([]);
  });

  test('no name at all', async () => {
    const client = clientOf(await startServer());
    expect(() => client.on('', () => {})).toThrow('Invalid channel: expected a non-empty string, got ""');
    expect(client.eventNames()).toEqual([]);
  });
});

test('newListener and removeListener tell about handlers', async () => {
  const client = clientOf(await startServer());
  const told: unknown[] = [];
  const handler = () => {};
  client.on('newListener', (name, listener) => told.push(['new', name, listener]));
  client.on('removeListener', (name, listener) => told.push(['removed', name, listener]));
  client.on('a', handler).off('a', handler);
  expect(told.slice(1)).toEqual([
    ['new', 'a', handler],
    ['removed', 'a', handler],
  ]);
});

test('a server that answers "nothing new" without waiting is not asked at full speed', async () => {
  const server = await startServer();
  for (let i = 0; i < 1000; i += 1) server.script(json([]));
  const client = clientOf(server);
  client.on('a', () => {});
  await server.request(1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(server.requests.length).toBeLessThan(30);
});

test('cycles hold cursors', async () => {
  const server = (await startServer()).script(events(6));
  const client = clientOf(server);
  client.on('a', () => {});
  expect(await emitted(client, 'cycle')).toEqual([
    { finished: new Cursor('a', { limit: 100 }), next: new Cursor('a', { after: 6, limit: 100 }) },
    'a',
  ]);
});
