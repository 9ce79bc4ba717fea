import { once } from 'node:events';
import { expect, test } from 'vitest';
import { events, type HostileServer, hang, held, json, text } from './hostile-server.js';
import { clientOf, emitted, startServer } from './setup.js';

const limits = { closeTimeoutMs: 2000 };

/** `after` of every read so far, with the `timeout` of those that do not wait. */
const reads = (server: HostileServer) =>
  server.requests.map(({ query }) => [query.get('after'), query.get('timeout'), query.get('limit')]);
const poll = (after: string | null) => [after, '30000', '100'];
const last = (after: string) => [after, '0', '1'];

test('tells the server what was emitted, and waits for its answer', async () => {
  const { reply, release } = held(json([]));
  const server = (await startServer()).script(events(1, 2), hang, reply);
  const client = clientOf(server, limits);
  client.on('a', () => {});
  await server.request(2);
  let closed = false;
  const closing = client.close().then(() => {
    closed = true;
  });
  await server.request(3);
  await new Promise(setImmediate);
  expect(closed).toBe(false);
  release();
  await closing;
  expect(reads(server)).toEqual([poll(null), poll('2'), last('2')]);
});

test('up to the event whose handler closes', async () => {
  const server = (await startServer()).script(events(1, 2, 3), json([]));
  const client = clientOf(server, limits);
  await new Promise<void>((resolve) => {
    client.on('a', ({ id }) => {
      if (id === 2) client.close().then(resolve);
    });
  });
  expect(reads(server)).toEqual([poll(null), last('2')]);
});

test('every channel that needs it, also those that lost their handlers', async () => {
  const server = await startServer();
  server.scriptOf('a', events(7), json([])).scriptOf('b', events(9), hang, json([])).scriptOf('c', hang);
  const client = clientOf(server, limits);
  client.on('b', () => {}).on('c', () => {});
  await once(client, 'a');
  await server.until(() => server.requests.length === 4);
  await client.close();
  expect(
    server.requests.slice(4).map(({ query }) => `${query.get('channel')} ${query.get('after')}`),
  ).toEqual(expect.arrayContaining(['a 7', 'b 9']));
  expect(server.requests).toHaveLength(6);
});

test('nothing, where the server knows already', async () => {
  const server = (await startServer()).script(events(1), json([]));
  const client = clientOf(server, { ...limits, pollTimeoutMs: 0 });
  client.on('a', () => {});
  await emitted(client, 'cycle', 2);
  await client.close();
  expect(reads(server).map(([after]) => after)).toEqual([null, '1']);
});

test('nothing, with closeTimeoutMs 0', async () => {
  const server = (await startServer()).script(events(1));
  const client = clientOf(server, { closeTimeoutMs: 0 });
  client.on('a', () => {});
  await server.request(2);
  await client.close();
  expect(server.requests).toHaveLength(2);
});

test('for a bounded time, and whatever comes back is no error', async () => {
  for (const reply of [hang, text('no', 500)]) {
    const server = (await startServer()).script(events(1), hang, reply);
    const client = clientOf(server, { closeTimeoutMs: 50 });
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    client.on('a', () => {});
    await server.request(2);
    const startedAt = performance.now();
    await client.close();
    expect(performance.now() - startedAt).toBeLessThan(1500);
    expect(errors).toEqual([]);
  }
});

test('drain comes after it', async () => {
  const server = (await startServer()).script(events(1), hang, json([]));
  const client = clientOf(server, limits);
  const atDrain = emitted(client, 'drain').then(() => server.requests.length);
  client.on('a', () => {});
  await server.request(2);
  await client.close();
  expect(await atDrain).toBe(3);
});

test('await using closes', async () => {
  const server = (await startServer()).script(events(1), hang, json([]));
  {
    await using client = clientOf(server, limits);
    client.on('a', () => {});
    await server.request(2);
  }
  expect(reads(server)).toEqual([poll(null), poll('1'), last('1')]);
  await server.until(() => server.openSockets <= 1);
});
