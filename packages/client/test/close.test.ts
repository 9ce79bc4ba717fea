import http from 'node:http';
import { expect, test } from 'vitest';
import { events, text } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

const event = { from: 'a', type: 'b' };

test('ends polls silently, publishes with an error, and leaves no connection', async () => {
  const server = await startServer();
  const client = clientOf(server);
  const record = recordOf(client, 'a', 'b');
  const sent = client.send('c', event);
  await server.request(3);
  await client.close();
  await expect(sent).rejects.toMatchObject({ code: 'Closed', maybeProcessed: true });
  expect(record).toEqual(['drain']);
  expect(client.listenerCount('a')).toBe(0);
  await server.until(() => server.openSockets === 0);
  expect(server.requests).toHaveLength(3);
});

test('ends pauses between attempts', async () => {
  const server = (await startServer()).script(text('', 401), text('', 503, { 'Retry-After': 5 }));
  const client = clientOf(server, { retrySlowMs: 1_000_000 });
  client.on('error', () => {});
  client.on('a', () => {});
  await emitted(client, 'cycle');
  const sent = client.send('c', event);
  const response = (await server.request(2)).response;
  await new Promise((resolve) => response.on('finish', resolve));
  await client.close();
  await expect(sent).rejects.toMatchObject({ code: 'Closed' });
});

test('may be called again, and from a handler; the rest of a reply is not emitted', async () => {
  const server = (await startServer()).script(events(1, 2, 3));
  const client = clientOf(server);
  const got: number[] = [];
  const closed = new Promise<void>((resolve) => {
    client.on('a', ({ id }) => {
      got.push(id);
      const first = client.close();
      expect(client.close()).toBe(first);
      first.then(resolve);
    });
  });
  await closed;
  expect(got).toEqual([1]);
});

test('resolves for a client that never did anything', async () => {
  const client = clientOf(await startServer());
  await client.close();
  await client[Symbol.asyncDispose]();
});

test('afterwards channels can be neither listened nor sent to', async () => {
  const server = await startServer();
  const client = clientOf(server);
  await client.close();
  expect(() => client.on('a', () => {})).toThrow('Cannot listen to "a": the client is closed');
  await expect(client.send('a', event)).rejects.toMatchObject({ code: 'Closed', maybeProcessed: false });
  client.on('error', () => {});
  expect(server.requests).toEqual([]);
});

test('does not wait for requests that queue in the agent', async () => {
  const server = await startServer();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const client = clientOf(server, { agent });
  client.on('a', () => {}).on('b', () => {});
  await server.request(1);
  const sent = client.send('c', event);
  await client.close();
  await expect(sent).rejects.toMatchObject({ code: 'Closed', maybeProcessed: false });
  expect(server.requests).toHaveLength(1);
  agent.destroy();
});
