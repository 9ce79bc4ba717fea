// The server and the client on the Node.js versions that people run, whichever runs the tests.

import { join } from 'node:path';
import { Process, RedisServer, ServerProcess, TemporaryFolder } from '@ganomede/events-testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { otherNode } from '../scripts/other-node.mjs';
import { SECRET, Server } from './support/server.js';

/** Publishes alone and together, receives by handlers and by a loop, and prints its Node.js and what came. */
const CLIENT = `
import { Client } from '@ganomede/events-client';
const text = (n) => ({ from: 'test', type: n % 2 ? 'odd' : 'even', data: { n } });
await using publisher = Client.fromEnv('publisher');
await using listener = Client.fromEnv('listener');
const { promise: heard, resolve } = Promise.withResolvers();
const live = [];
listener.on('numbers', ({ data }) => live.push(data.n) === 20 && resolve());
await publisher.send('numbers', text(1));
await Promise.all([2, 3, 4].map((n) => publisher.send('numbers', text(n))));
await publisher.sendBatch('numbers', Array.from({ length: 16 }, (_, i) => text(i + 5)));
await heard;
await using reader = Client.fromEnv('reader');
const odd = [];
for await (const { id, data } of reader.stream('numbers:odd')) {
  odd.push(data.n);
  if (id === 19) break;
}
console.log(JSON.stringify({ version: process.version, live, odd }));
`;

/** The same in syntax that an old Node.js has, and as CommonJS; and what is read once is read again by a poll. */
const OLD_CLIENT = `
const { Client, IndexerClient } = require('@ganomede/events-client');
const text = (n) => ({ from: 'test', type: n % 2 ? 'odd' : 'even', data: { n } });
(async () => {
  const publisher = Client.fromEnv('publisher');
  const listener = Client.fromEnv('listener');
  const live = [];
  const heard = new Promise((resolve) => {
    listener.on('numbers', ({ data }) => live.push(data.n) === 20 && resolve());
  });
  await publisher.send('numbers', text(1));
  await Promise.all([2, 3, 4].map((n) => publisher.send('numbers', text(n))));
  await publisher.sendBatch('numbers', Array.from({ length: 16 }, (_, i) => text(i + 5)));
  await heard;
  const reader = Client.fromEnv('reader');
  const odd = [];
  for await (const { id, data } of reader.stream('numbers:odd')) {
    odd.push(data.n);
    if (id === 19) break;
  }
  const indexer = new IndexerClient({ url: process.env.EVENTS_URL, secret: process.env.API_SECRET });
  await indexer.createIndex('by-n', 'numbers', 'data.n');
  const { rows } = await indexer.getIndexEvents('by-n', 7);
  const [last] = await publisher.getLatestEvents('numbers', 1);
  const refused = await Client.fromEnv('refused', { secret: 'wrong' }).send('numbers', text(1)).catch(({ code }) => code);
  await Promise.all([publisher, listener, reader].map((client) => client.close()));
  console.log(JSON.stringify({ version: process.version, live, odd, found: rows[0].id, last: last.id, refused }));
})();
`;

const VERSIONS = ['24', '26'];
const numbers = Array.from({ length: 20 }, (_, i) => i + 1);

describe.each(VERSIONS)('Node.js %s', (version) => {
  let node: string;

  beforeAll(async () => {
    node = await otherNode(version);
  }, 300_000);

  /** What a client has received from a server with this storage, both on this Node.js. */
  async function received(env: Record<string, string>): Promise<unknown> {
    await using server = new ServerProcess(['--host', '127.0.0.1', '--port', '0'], {
      node,
      env: { API_SECRET: SECRET, ...env },
    });
    const url = await server.listening();
    const client = new Process(node, ['--input-type=module', '-e', CLIENT], {
      cwd: import.meta.dirname,
      env: { API_SECRET: SECRET, EVENTS_URL: url },
    });
    const code = await client.exited();
    expect([code, await server.stop(), server.stderr], client.output).toEqual([0, 0, '']);
    return JSON.parse(client.stdout);
  }

  const everything = {
    version: expect.stringMatching(`^v${version}\\.`),
    live: numbers,
    odd: numbers.filter((n) => n % 2),
  };

  it('sends and receives, with the embedded store', async () => {
    using folder = new TemporaryFolder();
    const store = { EVENTS_STORE: 'embedded', DATA_DIR: join(folder.path, 'data') };
    expect(await received(store)).toEqual(everything);
  });

  it('sends and receives, with Redis', async () => {
    const redis = await RedisServer.start();
    try {
      expect(await received({ EVENTS_STORE: 'redis', REDIS_URL: redis.url })).toEqual(everything);
    } finally {
      await redis.stop();
    }
  });
});

// The first that the client runs on, and the last of its line.
describe.each(['16.9.1', '16.20.2'])('the client on Node.js %s', (version) => {
  it('sends and receives, with a server on a newer one', { timeout: 300_000 }, async () => {
    const node = await otherNode(version);
    await using server = await Server.start();
    const client = new Process(node, ['-e', OLD_CLIENT], {
      cwd: import.meta.dirname,
      env: server.env,
    });
    const code = await client.exited();
    expect([code, client.stderr], client.output).toEqual([0, '']);
    expect(JSON.parse(client.stdout)).toEqual({
      version: `v${version}`,
      live: numbers,
      odd: numbers.filter((n) => n % 2),
      found: 7,
      last: 20,
      refused: 'InvalidCredentialsError',
    });
  });
});
