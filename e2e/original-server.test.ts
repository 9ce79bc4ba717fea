// Our client with the server of the original, on a Node.js and a Redis of its own; then with this project's in its place.
import { Client, IndexerClient } from '@ganomede/events-client';
import { freePort, RedisServer, ServerProcess, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeOfOriginal, startOriginal } from './support/original-server.js';

const event = (n: number) => ({ from: 'test', type: 'add', data: { n: `${n}` } });

let node: string;
let redis: RedisServer;

beforeAll(async () => {
  node = await nodeOfOriginal();
  redis = await RedisServer.start();
}, 300_000);

afterAll(() => redis?.stop());

it.each([
  ['that fits a header', 'a secret & more'],
  ['that does not', 'snow ☃'],
])(
  'sends to, receives from and looks up at a server of the original, with a secret %s',
  async (what, secret) => {
    await redis.admin.flushall();
    const port = await freePort();
    await using _server = await startOriginal({ node, secret, port, redis });
    const options = { hostname: '127.0.0.1', port, secret, retryBaseMs: 20, retryMaxMs: 50 };
    await using publisher = new Client('publisher', options);
    await using listener = new Client('listener', options);
    const channel = `to the original: ${what}`;
    const codes = new Set<string>();
    // 1.5.3 answers 500 where it is to wait.
    listener.on('error', ({ code }) => codes.add(code));
    const received: number[] = [];
    listener.on(channel, ({ id }) => received.push(id));

    for (let n = 1; n <= 5; n += 1) await publisher.send(channel, event(n));
    await Promise.all([6, 7, 8].map((n) => publisher.send(channel, event(n))));
    await until('everything has come', () => received.length >= 8);
    expect(received).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...codes].filter((code) => code !== 'Internal')).toEqual([]);

    expect((await publisher.getLatestEvents(channel, 2)).map(({ id }) => id)).toEqual([7, 8]);
    const indexer = new IndexerClient(options);
    expect(await indexer.createIndex('by-n', channel, 'data.n')).toBe('OK');
    await publisher.send(channel, event(9));
    const { rows } = await indexer.getIndexEvents('by-n', '9');
    expect(rows.map(({ id }) => id)).toEqual([9]);

    const wrong = new Client('wrong', { ...options, secret: `not ${secret}` });
    const error = await wrong.send(channel, event(1)).catch((cause) => cause);
    expect([error.name, error.statusCode]).toEqual(['InvalidCredentialsError', 401]);
    expect(error.message).not.toContain(secret);
    await wrong.close();
  },
  120_000,
);

it('goes on when this project’s server takes its place, with the secret in a header again', async () => {
  await redis.admin.flushall();
  const secret = 'a secret of both';
  const port = await freePort();
  const original = await startOriginal({ node, secret, port, redis });
  await using client = new Client('mover', {
    hostname: '127.0.0.1',
    port,
    secret,
    retryBaseMs: 20,
    retryMaxMs: 50,
  });
  await client.send('moves', event(1));
  await original.stop('SIGKILL');
  const store = { EVENTS_STORE: 'memory', LOG_LEVEL: 'trace' };
  await using ours = new ServerProcess(['--host', '127.0.0.1', '--port', String(port)], {
    env: { API_SECRET: secret, ...store },
  });
  await ours.listening();
  expect(await client.send('moves', event(2))).toMatchObject({ id: 1 });
  // An answer with bounds: from here on no URL has the secret, which this server would accept nowhere else.
  await client.getLatestEvents('moves');
  await ours.stop();
  await using strict = new ServerProcess(['--host', '127.0.0.1', '--port', String(port)], {
    env: { API_SECRET: secret, ...store, ALLOW_QUERY_SECRET: 'off' },
  });
  await strict.listening();
  expect(await client.getLatestEvents('moves')).toEqual([]);
  expect(ours.output + strict.output).not.toContain(secret);
}, 120_000);
