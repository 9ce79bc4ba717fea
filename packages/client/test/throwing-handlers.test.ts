import { expect, test } from 'vitest';
import { RequestError } from '../src/index.js';
import { events, text } from './hostile-server.js';
import { clientOf, emitted, startServer, uncaught } from './setup.js';

test('the error surfaces before the next event; none is skipped, none comes twice', async () => {
  const errors = uncaught();
  const server = (await startServer()).script(events(1, 2, 3), events(4));
  const client = clientOf(server);
  const got: unknown[] = [];
  client.on('a', ({ id }) => {
    got.push([id, errors.length]);
    if (id !== 3) throw new Error(`at ${id}`);
  });
  await server.request(3);
  expect(got).toEqual([
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
  ]);
  expect(errors).toEqual([1, 2, 4].map((id) => new Error(`at ${id}`)));
  expect(server.requests.map(({ query }) => query.get('after'))).toEqual([null, '3', '4']);
});

test('an error that nobody handles is thrown, and polling goes on', async () => {
  const errors = uncaught();
  const server = (await startServer()).script(text('no', 500), events(1));
  const client = clientOf(server);
  const got: number[] = [];
  client.on('a', ({ id }) => got.push(id));
  await server.request(3);
  expect(errors).toEqual([expect.any(RequestError)]);
  expect(got).toEqual([1]);
});

test.each(['error', 'cycle'] as const)(
  'a handler of %s that throws does not end the polling',
  async (name) => {
    const errors = uncaught();
    const server = (await startServer()).script(text('no', 500), events(1));
    const client = clientOf(server);
    client.on('error', () => {});
    client.once(name, () => {
      throw new Error(name);
    });
    client.on('a', () => {});
    await server.request(3);
    expect(errors).toEqual([new Error(name)]);
  },
);

test('a handler of drain that throws does not keep close() waiting', async () => {
  const errors = uncaught();
  const server = await startServer();
  const client = clientOf(server);
  client.on('drain', () => {
    throw new Error('drain');
  });
  client.on('a', () => {});
  await server.request(1);
  await client.close();
  expect(errors).toEqual([new Error('drain')]);
});

test('a throwing handler may still be removed', async () => {
  const errors = uncaught();
  const server = (await startServer()).script(events(1, 2), events(2));
  const client = clientOf(server);
  client.once('a', () => {
    throw new Error('once');
  });
  await emitted(client, 'drain');
  client.on('a', () => {});
  await server.request(3);
  expect(errors).toEqual([new Error('once')]);
  expect(server.requests.map(({ query }) => query.get('after'))).toEqual([null, '1', '2']);
});
