import { expect, test } from 'vitest';
import { events, held, json, text } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

const header = json({ id: 1, timestamp: 1 });

test('waits for the running requests of every channel', async () => {
  const a = held(events(1));
  const b = held(events(1));
  const server = await startServer();
  server.scriptOf('a', a.reply).scriptOf('b', b.reply);
  const client = clientOf(server);
  const record = recordOf(client, 'a', 'b');
  await server.request(2);
  client.removeAllListeners('a').removeAllListeners('b');
  const cycle = emitted(client, 'cycle');
  a.release();
  await cycle;
  await new Promise(setImmediate);
  expect(record).not.toContain('drain');
  const drained = emitted(client, 'drain');
  b.release();
  await drained;
  expect(record.at(-1)).toBe('drain');
});

test('waits for publishes on their way', async () => {
  const { reply, release } = held(header);
  const server = await startServer();
  server.scriptOf('a', events(1)).script(reply);
  const client = clientOf(server);
  const record = recordOf(client);
  client.send('b', { from: 'x', type: 'y' }, () => record.push('sent'));
  await server.request(1);
  client.once('a', () => {});
  await emitted(client, 'cycle');
  await new Promise(setImmediate);
  const drained = emitted(client, 'drain');
  release();
  await drained;
  expect(record).toEqual(['cycle saved-1 a', 'sent', 'drain']);
});

test('comes at once where the last handler is removed between two attempts', async () => {
  const server = (await startServer()).script(text('no', 401));
  const client = clientOf(server, { retrySlowMs: 1_000_000 });
  client.on('error', () => {});
  client.on('a', () => {});
  await emitted(client, 'cycle');
  client.removeAllListeners('a');
  await emitted(client, 'drain');
  expect(server.requests).toHaveLength(1);
});

test('does not come for a client that only publishes', async () => {
  const server = (await startServer()).script(header);
  const client = clientOf(server);
  const record = recordOf(client);
  await client.send('b', { from: 'x', type: 'y' });
  await client.close();
  expect(record).toEqual([]);
});

test('comes again each time', async () => {
  const server = (await startServer()).script(events(1), events(2));
  const client = clientOf(server);
  const record = recordOf(client);
  for (let i = 0; i < 2; i += 1) {
    client.once('a', () => {});
    await emitted(client, 'drain');
  }
  expect(record).toEqual(['cycle saved-1 a', 'drain', 'cycle 1-2 a', 'drain']);
});
