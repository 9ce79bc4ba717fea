import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { freePort } from '@ganomede/events-testing';
import { describe, expect, test } from 'vitest';
import { RequestError } from '../src/index.js';
import { cut, hang, json, type Reply, raw, reset, text } from './hostile-server.js';
import { cleanUp, clientOf, startServer } from './setup.js';

const event = { from: 'a', type: 'b' };
const header = { id: 1, timestamp: 2 };

async function failure(sent: Promise<unknown>): Promise<RequestError> {
  const error = await sent.then(
    () => undefined,
    (error) => error,
  );
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
}

describe('is sent again under the same key, which makes that safe', () => {
  const replies: [string, Reply][] = [
    ['408', text('', 408)],
    ['425', text('', 425)],
    ['429', text('', 429)],
    ['500', text('', 500)],
    ['502', text('<h1>Bad gateway</h1>', 502)],
    ['503', json({ code: 'ServiceUnavailable', message: 'outcome unknown' }, 503)],
    ['504', text('', 504)],
    ['a reset', reset],
    ['a reply cut off', cut('{"id":', 100)],
    ['a reply that is not JSON', text('stored!')],
    ['a reply that is no header', json({ id: 'x' })],
    ['something that is not HTTP', raw('SSH-2.0-x\r\n')],
  ];
  test.each(replies)('%s', async (_what, reply) => {
    const server = (await startServer()).script(reply, reply, json(header));
    expect(await clientOf(server).send('a', event)).toEqual(header);
    expect(server.requests).toHaveLength(3);
    expect(new Set(server.requests.map(({ body }) => body)).size).toBe(1);
    expect(new Set(server.requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(server.requests[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('no reply: a server that hangs does not use up the time of the others', async () => {
    const server = (await startServer()).script(hang, json(header));
    expect(await clientOf(server, { sendTimeoutMs: 3000 }).send('a', event)).toEqual(header);
    const [first, second] = server.requests;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('nobody listens yet', async () => {
    const port = await freePort();
    const server = http.createServer((_request, response) => response.end(JSON.stringify(header)));
    const none = { port, openSockets: 0, until: async () => {} };
    const client = clientOf(none);
    const sent = client.send('a', event);
    // Only once a first attempt was refused.
    const probe = net.connect(port, '127.0.0.1');
    await new Promise((resolve) => probe.once('error', resolve));
    server.listen(port, '127.0.0.1');
    cleanUp(() => void server.close());
    expect(await sent).toEqual(header);
  });

  test('a connection that is reset before the request was complete', async () => {
    // 32 MB do not fit in the buffers of a connection whose other end does not read.
    const big = { ...event, data: { text: 'x'.repeat(32_000_000) } };
    let connections = 0;
    const server = http.createServer((request, response) => {
      request.resume();
      request.on('end', () => response.end(JSON.stringify(header)));
    });
    const door = net.createServer((socket) => {
      connections += 1;
      socket.on('error', () => {});
      if (connections > 1) return server.emit('connection', socket);
      socket.once('readable', () => socket.resetAndDestroy());
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    cleanUp(() => void door.close());
    const { port } = door.address() as net.AddressInfo;
    const client = clientOf({ port, openSockets: 0, until: async () => {} });
    expect(await client.send('a', big)).toEqual(header);
    expect(connections).toBe(2);
  });
});

describe('the key', () => {
  test('is another one for each call', async () => {
    const server = (await startServer()).script(json(header), json(header), json([header]));
    const client = clientOf(server);
    await client.send('a', event);
    await client.send('a', event);
    await client.sendBatch('a', [event]);
    expect(new Set(server.requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(3);
  });

  test('can be the caller’s, with a promise and with a callback', async () => {
    const server = (await startServer()).script(json(header), json(header), json([header]));
    const client = clientOf(server);
    await client.send('a', event, { idempotencyKey: 'order 17' });
    await new Promise((resolve) => client.send('a', event, { idempotencyKey: 'order 18' }, resolve));
    await new Promise((resolve) => client.sendBatch('a', [event], { idempotencyKey: 'order 19' }, resolve));
    expect(server.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'order 17',
      'order 18',
      'order 19',
    ]);
  });

  test('that was used for something else is final', async () => {
    const reused = json({ code: 'IdempotencyKeyReused', message: 'used for another event' }, 422);
    const server = (await startServer()).script(reused, json(header));
    expect(await failure(clientOf(server).send('a', event, { idempotencyKey: 'k' }))).toMatchObject({
      code: 'IdempotencyKeyReused',
      statusCode: 422,
      maybeProcessed: false,
    });
    expect(server.requests).toHaveLength(1);
  });

  test.each([7, '', null, 'a\nb'])('%j is a TypeError, and makes no request', async (key) => {
    const server = await startServer();
    const sent = clientOf(server).send('a', event, { idempotencyKey: key as string });
    await expect(sent).rejects.toThrow(/^Invalid idempotencyKey: expected/);
    expect(server.requests).toEqual([]);
  });
});

describe('says that the event may be stored', () => {
  test('where no reply came in time', async () => {
    const server = (await startServer()).script(hang);
    const error = await failure(clientOf(server, { sendTimeoutMs: 50 }).send('a', event));
    expect(error).toMatchObject({ code: 'Timeout', maybeProcessed: true });
    expect(error.message).toMatch(/no complete reply within \d+ ms/);
  });

  test.each([
    ['a 503', text('', 503)],
    ['a reset', reset],
    ['a reply cut off', cut('{', 9)],
  ])('where %s was the first answer, whatever the last one is', async (_what, first) => {
    const server = (await startServer()).script(first, text('', 401));
    const error = await failure(clientOf(server).send('a', event));
    expect(error).toMatchObject({ statusCode: 401, maybeProcessed: true });
  });
});

test.each([400, 401, 404, 413, 422, 301])('%s is final', async (status) => {
  const server = (await startServer()).script(text('', status), json(header));
  expect(await failure(clientOf(server).send('a', event))).toMatchObject({
    statusCode: status,
    maybeProcessed: false,
  });
  expect(server.requests).toHaveLength(1);
});

describe('gives up', () => {
  test('after a bounded time, and says what happened', async () => {
    const port = await freePort();
    const client = clientOf({ port, openSockets: 0, until: async () => {} }, { sendTimeoutMs: 200 });
    const startedAt = performance.now();
    const error = await failure(client.send('a', event));
    expect(performance.now() - startedAt).toBeLessThan(2000);
    // The time may also end in the middle of an attempt.
    expect(error.code).toMatch(/^(ECONNREFUSED|Timeout)$/);
    expect(error.maybeProcessed).toBe(false);
    expect(error.message).toMatch(/^Gave up after \d+ attempts?, with sendTimeoutMs 200: POST http/);
  });

  test('at once where Retry-After is later than that', async () => {
    const server = (await startServer()).script(text('', 503, { 'Retry-After': 3600 }), json(header));
    const error = await failure(clientOf(server).send('a', event));
    expect(error).toMatchObject({ statusCode: 503, retryAfterMs: 3_600_000 });
    expect(error.message).toMatch(/^Gave up after 1 attempt, /);
  });
});

test('waits as long as Retry-After says', async () => {
  const server = (await startServer()).script(text('', 503, { 'Retry-After': 1 }), json(header));
  await clientOf(server).send('a', event);
  const [first, second] = server.requests;
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
});

test('a server that refuses a large event and never reads the rest of it', async () => {
  const body = JSON.stringify({ code: 'PayloadTooLarge', message: 'too large' });
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.pause();
      socket.write(`HTTP/1.1 413 Payload Too Large\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as net.AddressInfo;
  const client = clientOf({ port, openSockets: 0, until: async () => {} });
  const big = { ...event, data: { text: 'x'.repeat(32_000_000) } };
  expect(await failure(client.send('a', big))).toMatchObject({ code: 'PayloadTooLarge', statusCode: 413 });
});
