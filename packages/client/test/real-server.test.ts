import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { expect, test } from 'vitest';
import { Client, type ClientOptions, IndexerClient, type RequestError } from '../src/index.js';
import { startRealServer } from './real-server.js';
import { cleanUp, emitted } from './setup.js';

const secret = 's3cret';
const start = () => startRealServer(secret);

function clientOf(clientId: string, options: ClientOptions): Client {
  const client = new Client(clientId, options);
  cleanUp(() => client.close());
  return client;
}

/** Resolves with the ids of `count` events, in the order in which they came. */
function received(client: Client, channel: string, count: number): Promise<number[]> {
  return new Promise((resolve) => {
    const ids: number[] = [];
    client.on(channel, ({ id }) => {
      ids.push(id);
      if (ids.length === count) resolve(ids);
    });
  });
}

test('what is sent while somebody listens arrives, all of it, in order, by type too', async () => {
  const url = await start();
  const client = clientOf('mailer', { url, secret });
  const all = received(client, 'users/v1', 300);
  const added = received(client, 'users/v1:add', 150);
  const sent = Array.from({ length: 300 }, (_, n) =>
    client.send('users/v1', { from: 'test', type: n % 2 === 0 ? 'add' : 'remove', data: { n } }),
  );
  const headers = await Promise.all(sent);
  const ids = Array.from({ length: 300 }, (_, n) => n + 1);
  expect(headers.map(({ id }) => id).sort((a, b) => a - b)).toEqual(ids);
  expect(await all).toEqual(ids);
  const addedIds = headers.filter((_, n) => n % 2 === 0).map(({ id }) => id);
  expect(await added).toEqual(addedIds.sort((a, b) => a - b));
});

test('another client with the same id goes on where the first one was closed', async () => {
  const url = await start();
  const first = clientOf('mailer', { url, secret, limit: 2 });
  for (let n = 0; n < 5; n += 1) await first.send('a', { from: 'test', type: 'add' });
  expect(await received(first, 'a', 5)).toEqual([1, 2, 3, 4, 5]);
  await first.close();
  await first[Symbol.asyncDispose]();
  const second = clientOf('mailer', { url, secret });
  const next = received(second, 'a', 1);
  const third = clientOf('publisher', { url, secret });
  await third.send('a', { from: 'test', type: 'add' });
  expect(await next).toEqual([6]);
});

test('one that says nothing when it goes gets its last events again', async () => {
  const url = await start();
  const first = clientOf('mailer', { url, secret, closeTimeoutMs: 0 });
  for (let n = 0; n < 3; n += 1) await first.send('a', { from: 'test', type: 'add' });
  await new Promise<void>((resolve) => {
    first.on('a', ({ id }) => {
      if (id === 3) first.close().then(resolve);
    });
  });
  expect(await received(clientOf('mailer', { url, secret }), 'a', 3)).toEqual([1, 2, 3]);
});

test('a stream gets again what its loop has not finished', async () => {
  const url = await start();
  const client = clientOf('worker', { url, secret });
  for (let n = 0; n < 5; n += 1) await client.send('a', { from: 'test', type: 'add' });
  for await (const { id } of client.stream('a')) if (id === 3) break;
  await client.close();
  const next = await clientOf('worker', { url, secret }).stream('a').next();
  expect(next.value?.id).toBe(3);
});

test('a stream that is closed while it waits has finished everything', async () => {
  const url = await start();
  const client = clientOf('worker', { url, secret });
  for (let n = 0; n < 3; n += 1) await client.send('a', { from: 'test', type: 'add' });
  const controller = new AbortController();
  const ids: number[] = [];
  for await (const { id } of client.stream('a', { after: 1, limit: 1, signal: controller.signal })) {
    ids.push(id);
    if (id === 3) setImmediate(() => controller.abort());
  }
  expect(ids).toEqual([2, 3]);
  const next = clientOf('worker', { url, secret }).stream('a').next();
  await client.send('a', { from: 'test', type: 'add' });
  expect((await next).value?.id).toBe(4);
});

test('a batch is stored as a whole, in order', async () => {
  const url = await start();
  const client = clientOf('shop', { url, secret });
  const headers = await client.sendBatch(
    'a',
    Array.from({ length: 5 }, (_, n) => ({ from: 'test', type: 'add', data: { n } })),
  );
  expect(headers.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
  const latest = await client.getLatestEvents('a', 2);
  expect(latest.map(({ id, data }) => [id, data.n])).toEqual([
    [4, 3],
    [5, 4],
  ]);
  const wrong = client.sendBatch('a', [{ from: 'test', type: 'add', data: { text: 'x'.repeat(2_000_000) } }]);
  await expect(wrong).rejects.toMatchObject({
    code: 'PayloadTooLarge',
    statusCode: 413,
    maybeProcessed: false,
  });
  expect((await client.getLatestEvents('b')).length).toBe(0);
});

test('what comes under one key is stored once', async () => {
  const url = await start();
  const client = clientOf('shop', { url, secret });
  const event = { from: 'test', type: 'add' };
  const first = await client.send('a', event, { idempotencyKey: 'order 17' });
  expect(await client.send('a', event, { idempotencyKey: 'order 17' })).toEqual(first);
  await expect(
    client.send('a', { ...event, type: 'other' }, { idempotencyKey: 'order 17' }),
  ).rejects.toMatchObject({ code: 'IdempotencyKeyReused', statusCode: 422 });
  const batch = await client.sendBatch('a', [event, event], { idempotencyKey: 'both' });
  expect(await client.sendBatch('a', [event, event], { idempotencyKey: 'both' })).toEqual(batch);
  expect((await client.getLatestEvents('a')).map(({ id }) => id)).toEqual([1, 2, 3]);
});

test('a publish whose answers are lost is stored once', async () => {
  const url = new URL(await start());
  let left = 2;
  // Passes everything on, and cuts the line instead of the first two answers.
  const door = net.createServer((socket) => {
    const server = net.connect(Number(url.port), url.hostname);
    socket.pipe(server);
    server.on('data', (answer) => {
      left -= 1;
      if (left >= 0) socket.resetAndDestroy();
      else socket.write(answer);
    });
    socket.on('error', () => {}).on('close', () => server.destroy());
    server.on('error', () => {}).on('close', () => socket.destroy());
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  cleanUp(() => void door.close());
  const { port } = door.address() as net.AddressInfo;
  const client = clientOf('shop', { url: `http://127.0.0.1:${port}`, secret, retryBaseMs: 10 });
  expect((await client.send('a', { from: 'test', type: 'add' })).id).toBe(1);
  expect(left).toBe(-1);
  expect(await client.getLatestEvents('a')).toHaveLength(1);
});

test('indices find events by value', async () => {
  const url = await start();
  const client = clientOf('shop', { url, secret });
  const indexer = new IndexerClient({ url, secret });
  await expect(indexer.getIndexEvents('by name', 'alice')).rejects.toMatchObject({
    code: 'ResourceNotFound',
  });
  await client.send('users/v1', { from: 'test', type: 'add', data: { name: 'a/b ?é', age: 7 } });
  expect(await indexer.createIndex('by name', 'users/v1', 'data.name')).toBe('OK');
  expect(await indexer.createIndex('by name', 'users/v1', 'data.name')).toBe('OK');
  await expect(indexer.createIndex('by name', 'users/v1', 'data.age')).rejects.toMatchObject({
    code: 'Conflict',
    statusCode: 409,
  });
  await client.send('users/v1', { from: 'test', type: 'add', data: { name: 'a/b ?é' } });
  const found = await indexer.getIndexEvents('by name', 'a/b ?é');
  expect(found).toMatchObject({ id: 'by name', field: 'data.name', value: 'a/b ?é' });
  expect(found.rows.map(({ id }) => id)).toEqual([2, 1]);
  expect((await indexer.getIndexEvents('by name', 'nobody')).rows).toEqual([]);
  await indexer.createIndex('by age', 'users/v1', 'data.age');
  expect((await indexer.getIndexEvents('by age', 7)).rows.map(({ id }) => id)).toEqual([1]);
});

test('events that were forgotten before they were read are reported, once', async () => {
  const url = await startRealServer(secret, { retention: { maxEvents: 10 } });
  const publisher = clientOf('publisher', { url, secret });
  const event = { from: 'test', type: 'add' };
  await publisher.sendBatch('a', [event, event]);
  const client = clientOf('reader', { url, secret });
  const errors: RequestError[] = [];
  client.on('error', (error) => errors.push(error));
  const stream = client.stream('a');
  await stream.next();
  await stream.next();
  await publisher.sendBatch(
    'a',
    Array.from({ length: 100 }, () => event),
  );
  const next = (await stream.next()).value?.id ?? 0;
  expect(next).toBeGreaterThan(80);
  await stream.next();
  expect(errors.map(({ code, position }) => [code, position])).toEqual([
    ['EventsMissed', { after: 2, firstId: next, lastId: 102 }],
  ]);
});

test('a store that came back empty is reported, and read', async () => {
  const url = await start();
  const client = clientOf('reader', { url, secret });
  const errors: RequestError[] = [];
  client.on('error', (error) => errors.push(error));
  const stream = client.stream('a', { after: 100 });
  const next = stream.next();
  setTimeout(() => client.send('a', { from: 'test', type: 'add' }), 20);
  expect((await next).value?.id).toBe(1);
  expect(errors.map(({ code }) => code)).toEqual(['StoreRewound']);
});

test('a wrong secret is an error with the code of the server', async () => {
  const client = clientOf('mailer', { url: await start(), secret: 'wrong' });
  const reported = emitted(client, 'error');
  client.on('a', () => {});
  const [error] = (await reported) as [RequestError];
  expect(error).toMatchObject({ code: 'InvalidCredentialsError', statusCode: 401, maybeProcessed: false });
  await expect(client.send('a', { from: 'x', type: 'y' })).rejects.toMatchObject({
    code: 'InvalidCredentialsError',
  });
});

test.each([
  ['over the connection of all channels', undefined],
  ['by long-polls', new http.Agent({ keepAlive: true, maxSockets: 4 })],
])('two that read as one consumer, %s, are both told', async (_how, agent) => {
  const url = await start();
  const readers = [1, 2].map(() => clientOf('mailer', { url, secret, agent }));
  const told = readers.map((reader) => emitted(reader, 'error'));
  for (const reader of readers) reader.on('mails', () => {});
  const publisher = clientOf('shop', { url, secret });
  let isOver = false;
  const over = Promise.all(told).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await publisher.send('mails', { from: 'shop', type: 'paid' });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const [error, channel] of await over) {
    expect(error).toMatchObject({ code: 'CursorShared' });
    expect(channel).toBe('mails');
  }
  agent?.destroy();
});
