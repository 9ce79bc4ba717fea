import { once } from 'node:events';
import { expect, test } from 'vitest';
import { events, held } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

test('without handlers no further request is made, and what the running one brings is discarded', async () => {
  const { reply, release } = held(events(1));
  const server = (await startServer()).script(reply);
  const client = clientOf(server);
  const got: number[] = [];
  const handler = ({ id }: { id: number }) => got.push(id);
  client.on('a', handler);
  await server.request(1);
  client.removeListener('a', handler);
  const drained = emitted(client, 'drain');
  release();
  await drained;
  expect(got).toEqual([]);
  expect(server.requests).toHaveLength(1);
});

test('a handler that is added later goes on from where the client was', async () => {
  const discarded = held(events(3));
  const server = (await startServer()).script(events(1, 2), discarded.reply, events(3, 4));
  const client = clientOf(server);
  const record = recordOf(client, 'a');
  await server.request(2);
  client.removeAllListeners('a');
  const drained = emitted(client, 'drain');
  discarded.release();
  await drained;
  client.on('a', ({ id }) => record.push(`again ${id}`));
  await server.request(4);
  expect(record.filter((line) => !/^(cycle|drain)/.test(line))).toEqual(['1 a', '2 a', 'again 3', 'again 4']);
  expect(server.requests.map(({ query }) => query.get('after'))).toEqual([null, '2', '2', '4']);
});

test('a handler that is added while the old request is running makes no second one', async () => {
  const { reply, release } = held(events(1));
  const server = (await startServer()).script(reply);
  const client = clientOf(server);
  const handler = () => {};
  client.on('a', handler);
  await server.request(1);
  client.removeListener('a', handler);
  const got: number[] = [];
  client.on('a', ({ id }) => got.push(id));
  release();
  await server.request(2);
  expect(got).toEqual([1]);
  expect(server.requests.map(({ query }) => query.get('after'))).toEqual([null, '1']);
  expect(server.openSockets).toBe(1);
});

test('the rest of a reply whose last handler went away comes again', async () => {
  const server = (await startServer()).script(events(1, 2, 3), events(2, 3), events(3));
  const client = clientOf(server);
  const ids: number[] = [];
  for (let i = 0; i < 3; i += 1) ids.push((await once(client, 'a'))[0].id);
  expect(ids).toEqual([1, 2, 3]);
  expect(server.requests.map(({ query }) => query.get('after'))).toEqual([null, '1', '2']);
});

test('removing one of two handlers stops nothing', async () => {
  const server = (await startServer()).script(events(1), events(2));
  const client = clientOf(server);
  const got: string[] = [];
  const first = () => {
    got.push('first');
    client.off('a', first);
  };
  client.on('a', first).on('a', () => got.push('second'));
  await server.request(3);
  expect(got).toEqual(['first', 'second', 'second']);
});

test('removeAllListeners() stops every channel', async () => {
  const server = await startServer();
  const client = clientOf(server);
  client.on('a', () => {}).on('b', () => {});
  await server.request(2);
  client.removeAllListeners();
  const drained = emitted(client, 'drain');
  server.dropConnections();
  await drained;
  expect(server.requests).toHaveLength(2);
});

test('a read that waits ends soon after the last handler is gone, so that a service that stops does not wait for it', async () => {
  const server = await startServer();
  const client = clientOf(server);
  const record = recordOf(client);
  const handler = () => {};
  client.on('a', handler);
  await server.request(1);
  const drained = emitted(client, 'drain');
  client.removeListener('a', handler);
  await drained;
  expect(record.filter((line) => line !== 'drain')).toEqual(['cycle saved-saved a']);
  expect(server.requests).toHaveLength(1);
});

test('a handler that comes back soon goes on with the read that waits', async () => {
  const server = (await startServer()).script();
  const client = clientOf(server);
  const got: number[] = [];
  const handler = ({ id }: { id: number }) => got.push(id);
  client.on('a', handler);
  const { response } = await server.request(1);
  client.removeListener('a', handler);
  client.on('a', handler);
  response.end(JSON.stringify([{ id: 1, timestamp: 2, from: 'a', type: 'b' }]));
  await server.request(2);
  expect(got).toEqual([1]);
});
