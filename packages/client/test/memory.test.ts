import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { type Client, Client as EventsClient } from '../src/index.js';
import { eventOf } from './hostile-server.js';
import { cleanUp } from './setup.js';

const EVENTS = 100_000;
const PAGE = 500;
/** Much less than the events between the two looks take, which is more than 20 MB. */
const ROOM_BYTES = 4 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** A server with a hundred thousand events. */
async function start() {
  const sockets = new Set<unknown>();
  const counts = { connections: 0, requests: 0, open: () => sockets.size };
  const server = http.createServer((request, response) => {
    counts.requests += 1;
    const query = new URL(request.url ?? '', 'http://server').searchParams;
    const after = Number(query.get('after'));
    const count = Math.min(Number(query.get('limit')), EVENTS - after);
    if (count <= 0 && query.get('timeout') !== '0') return;
    response.end(
      JSON.stringify(Array.from({ length: Math.max(count, 0) }, (_, n) => eventOf(after + n + 1))),
    );
  });
  server.on('connection', (socket) => {
    counts.connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(() => void server.close());
  const agent = new http.Agent({ keepAlive: true });
  const client = new EventsClient('tester', {
    secret: 's3cret',
    hostname: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    agent,
    limit: PAGE,
  });
  cleanUp(() => client.close());
  cleanUp(() => agent.destroy());
  return { client, agent, counts };
}

const consumers: [string, (client: Client, each: (id: number) => void) => Promise<void>][] = [
  [
    'handlers',
    (client, each) =>
      new Promise((resolve) => {
        client.on('a', ({ id }) => {
          each(id);
          if (id === EVENTS) resolve();
        });
      }),
  ],
  [
    'a stream',
    async (client, each) => {
      for await (const { id } of client.stream('a')) {
        each(id);
        if (id === EVENTS) break;
      }
    },
  ],
];

test.each(consumers)(
  '%s: a hundred thousand events leave nothing in memory, and no sockets',
  async (_who, consume) => {
    const { client, agent, counts } = await start();
    const heap: number[] = [];
    let expected = 1;
    await consume(client, (id) => {
      if (id !== expected) throw new Error(`expected ${expected}, got ${id}`);
      expected += 1;
      if (id === 20_000 || id === EVENTS) heap.push(heapBytes());
    });
    expect((heap[1] ?? 0) - (heap[0] ?? 0)).toBeLessThan(ROOM_BYTES);
    await client.close();
    expect(counts.connections).toBeLessThanOrEqual(2);
    expect(counts.requests).toBeLessThanOrEqual(EVENTS / PAGE + 2);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(Object.keys(agent.sockets)).toEqual([]);
  },
);

test('thousands of publishes leave nothing in memory', async () => {
  const server = http.createServer((request, response) => {
    request.resume();
    // It knows no grouped requests.
    if (request.url?.endsWith('/appends')) response.statusCode = 404;
    request.on('end', () => response.end('{"id":1,"timestamp":2}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const client = new EventsClient('tester', {
    secret: 's',
    hostname: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    agent,
  });
  cleanUp(() => void server.close());
  cleanUp(() => agent.destroy());
  const data = { text: 'x'.repeat(2000) };
  const send = async (count: number) => {
    for (let n = 0; n < count; n += 50) {
      await Promise.all(Array.from({ length: 50 }, () => client.send('a', { from: 'x', type: 'y', data })));
    }
    return heapBytes();
  };
  const before = await send(1000);
  expect((await send(4000)) - before).toBeLessThan(ROOM_BYTES);
  await client.close();
});
