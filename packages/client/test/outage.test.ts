import { freePort } from '@ganomede/events-testing';
import { expect, test } from 'vitest';
import type { RequestError } from '../src/index.js';
import { events, json, reset, text } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

const event = { from: 'a', type: 'b' };

test('a short outage is no error of a service that listens, and no cycle', async () => {
  const server = (await startServer()).script(
    events(1),
    reset,
    reset,
    reset,
    events(2),
    text('', 500),
    events(3),
  );
  const client = clientOf(server);
  const record = recordOf(client, 'a');
  await server.request(8);
  expect(record).toEqual([
    '1 a',
    'cycle saved-1 a',
    '2 a',
    'cycle 1-2 a',
    // What the server says itself is told at once.
    'error UnexpectedStatus a',
    'cycle 2-2 a',
    '3 a',
    'cycle 2-3 a',
  ]);
});

test('one that lasts is told, by reads and by streams', async () => {
  const port = await freePort();
  const nowhere = { port, openSockets: 0, until: async () => {} };
  const client = clientOf(nowhere, { unreachableMs: 40 });
  client.on('error', () => {});
  const told = emitted(client, 'error', 2) as Promise<[RequestError, string]>;
  client.on('a', () => {});
  const [error, channel] = await told;
  expect([error.code, channel]).toEqual(['ECONNREFUSED', 'a']);
  const streaming = clientOf(nowhere, { unreachableMs: 40 });
  streaming.on('error', () => {});
  const reported = emitted(streaming, 'error');
  const over = (async () => {
    for await (const _ of streaming.stream('b'));
  })();
  expect(((await reported)[0] as RequestError).code).toBe('ECONNREFUSED');
  await streaming.close();
  await over;
});

test('a send to a server that is not there fails after that time, and says so', async () => {
  const client = clientOf(
    { port: await freePort(), openSockets: 0, until: async () => {} },
    { unreachableMs: 60 },
  );
  const failures = [client.send('a', event), client.getLatestEvents('a')].map((asked) =>
    asked.catch((error: RequestError) => error),
  );
  for (const failure of failures) {
    const { code, message, maybeProcessed } = (await failure) as RequestError;
    expect([code, maybeProcessed]).toEqual(['ECONNREFUSED', false]);
    expect(message).toMatch(/^Gave up after \d+ attempts?, with unreachableMs 60: /);
  }
});

test('each send has that time, however long the outage has lasted', async () => {
  const server = (await startServer()).script(reset, reset, json({ id: 1, timestamp: 2 }));
  const client = clientOf(server, { unreachableMs: 2000, retryBaseMs: 1, retryMaxMs: 1 });
  expect(await client.send('a', event)).toMatchObject({ id: 1 });
});
