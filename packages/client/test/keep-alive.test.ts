import { expect, test } from 'vitest';
import { events, json, type Reply, reset } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

const header = { id: 1, timestamp: 2 };

test('requests share a connection', async () => {
  const server = (await startServer()).script(events(1), events(2), events(3));
  const client = clientOf(server);
  client.on('a', () => {});
  await server.request(4);
  expect(server.connections).toBe(1);
});

test('a poll on a connection that died meanwhile is repeated at once, without a word', async () => {
  const server = (await startServer()).script(events(1), reset, events(2));
  const client = clientOf(server, { retryBaseMs: 1_000_000, retryMaxMs: 1_000_000 });
  const record = recordOf(client, 'a');
  await server.request(4);
  expect(record).toEqual(['1 a', 'cycle saved-1 a', '2 a', 'cycle 1-2 a']);
  expect(server.requests.map(({ query }) => query.get('after'))).toEqual([null, '1', '1', '2']);
  expect(server.connections).toBe(2);
});

test('a new connection that is reset is an error', async () => {
  const server = (await startServer()).script(events(1), reset, reset, events(2));
  const client = clientOf(server, { unreachableMs: 0 });
  const record = recordOf(client, 'a');
  await server.request(5);
  expect(record).toContain('error ECONNRESET a');
  expect(record.filter((line) => line.endsWith(' a') && !/cycle|error/.test(line))).toEqual(['1 a', '2 a']);
});

test('a publish on a connection that died meanwhile is repeated at once, under the same key', async () => {
  const server = (await startServer()).script(json(header), reset, json(header));
  const client = clientOf(server, { retryBaseMs: 1_000_000, retryMaxMs: 1_000_000 });
  await client.send('a', { from: 'x', type: 'y' });
  expect(await client.send('a', { from: 'x', type: 'y' })).toEqual(header);
  const [first, ...repeated] = server.requests.map(({ headers }) => headers['idempotency-key']);
  expect(repeated[0]).toBe(repeated[1]);
  expect(first).not.toBe(repeated[0]);
});

test('a repetition that fails says that the first may have been carried out', async () => {
  const server = (await startServer()).script(json(header), reset, json({ code: 'InvalidContent' }, 400));
  const client = clientOf(server);
  await client.send('a', { from: 'x', type: 'y' });
  await expect(client.send('a', { from: 'x', type: 'y' })).rejects.toMatchObject({
    code: 'InvalidContent',
    maybeProcessed: true,
  });
});

test('a reply that begins and breaks on an old connection is an error, not a silent repetition', async () => {
  const breaking: Reply = ({ response, socket }) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('[', () => socket.destroySoon());
  };
  const server = (await startServer()).script(events(1), breaking, events(2));
  const client = clientOf(server);
  const reported = emitted(client, 'error');
  client.on('a', () => {});
  const [error] = await reported;
  expect(error).toMatchObject({ code: 'ReplyCut', body: '[' });
});
