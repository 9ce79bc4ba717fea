import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { RequestError } from '../src/index.js';
import { cut, hang, json, type Reply, raw, reset, text } from './hostile-server.js';
import { cleanUp, clientOf, startServer } from './setup.js';

const event = { from: 'a', type: 'b' };
const header = { id: 1, timestamp: 2 };

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function failure(sent: Promise<unknown>): Promise<RequestError> {
  const error = await sent.then(
    () => undefined,
    (error) => error,
  );
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
}

describe('is sent again, since the server certainly did not store it', () => {
  const replies: [string, Reply][] = [
    ['503', text('', 503)],
    ['429', text('', 429)],
    ['408', text('', 408)],
    ['425', text('', 425)],
  ];
  test.each(replies)('%s', async (_status, reply) => {
    const server = (await startServer()).script(reply, reply, json(header));
    expect(await clientOf(server).send('a', event)).toEqual(header);
    expect(new Set(server.requests.map(({ body }) => body)).size).toBe(1);
    expect(server.requests).toHaveLength(3);
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

describe('is not sent again, since the server may have stored it', () => {
  const replies: [string, Reply, object][] = [
    ['500', text('', 500), { code: 'UnexpectedStatus', statusCode: 500 }],
    ['502', text('<h1>Bad gateway</h1>', 502), { code: 'UnexpectedStatus', body: '<h1>Bad gateway</h1>' }],
    ['504', text('', 504), { code: 'UnexpectedStatus', statusCode: 504 }],
    ['a reset', reset, { code: 'ECONNRESET', statusCode: undefined }],
    ['a reply cut off', cut('{"id":', 100), { code: 'ReplyCut', body: '{"id":' }],
    ['a reply that is not JSON', text('stored!'), { code: 'InvalidReply', body: 'stored!' }],
    ['a reply that is no header', json({ id: 'x' }), { code: 'InvalidReply', body: '{"id":"x"}' }],
    ['something that is not HTTP', raw('SSH-2.0-x\r\n'), { body: 'SSH-2.0-x\r\n' }],
  ];
  test.each(replies)('%s', async (_what, reply, expected) => {
    const server = (await startServer()).script(reply, json(header));
    const error = await failure(clientOf(server).send('a', event));
    expect(error).toMatchObject({ ...expected, maybeProcessed: true });
    expect(server.requests).toHaveLength(1);
  });

  test('no reply in time', async () => {
    const server = (await startServer()).script(hang);
    const error = await failure(clientOf(server, { sendTimeoutMs: 50 }).send('a', event));
    expect(error).toMatchObject({ code: 'Timeout', maybeProcessed: true });
    expect(error.message).toMatch(/no complete reply within \d+ ms/);
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
