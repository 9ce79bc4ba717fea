import { describe, expect, test } from 'vitest';
import type { Client, RequestError } from '../src/index.js';
import { json, text } from './hostile-server.js';
import { cleanUp, clientOf, startServer, uncaught } from './setup.js';

const event = { from: 'users/v1', type: 'add', data: { name: 'Zoë ☂' } };
const header = { id: 12, timestamp: 1_429_084_002_258 };

test('posts the event and resolves with its header', async () => {
  const server = (await startServer()).script(json(header));
  const client = clientOf(server);
  expect(await client.send('users/v1:add', { ...event, ...{ id: 1, secret: 'x' } })).toEqual(header);
  const { method, pathname, headers, body } = await server.request(1);
  expect([method, pathname, headers.authorization]).toEqual(['POST', '/events/v1/events', 'Bearer s3cret']);
  expect(headers['content-type']).toBe('application/json');
  expect(JSON.parse(body)).toEqual({ clientId: 'tester', channel: 'users/v1:add', ...event });
});

test('calls back with the header', async () => {
  const server = (await startServer()).script(json(header));
  const client = clientOf(server);
  const args = await new Promise((resolve) => {
    const returned: unknown = client.send('a', event, (...args) => resolve([returned, ...args]));
  });
  expect(args).toEqual([undefined, null, header]);
});

test('calls back with the error', async () => {
  const server = (await startServer()).script(json({ code: 'InvalidContent', message: 'Invalid type' }, 400));
  const client = clientOf(server);
  const error = await new Promise((resolve) => client.send('a', event, resolve));
  expect(error).toMatchObject({
    name: 'InvalidContentError',
    restCode: 'InvalidContent',
    code: 'InvalidContent',
    statusCode: 400,
    body: { code: 'InvalidContent', message: 'Invalid type' },
    maybeProcessed: false,
  });
  expect((error as RequestError).message).toBe(
    `POST http://127.0.0.1:${server.port}/events/v1/events: 400 InvalidContent: Invalid type`,
  );
  expect(server.requests).toHaveLength(1);
});

test('sends the event as it was when send was called', async () => {
  const server = (await startServer()).script(json(header));
  const changing = { from: 'a', type: 'b', data: { n: 1 } };
  const sent = clientOf(server).send('a', changing);
  changing.data.n = 2;
  await sent;
  expect(JSON.parse((await server.request(1)).body).data).toEqual({ n: 1 });
});

describe('what cannot be sent is a TypeError, later, and makes no request', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  test.each([
    ['', event, /^Invalid channel/],
    [undefined, event, /^Invalid channel/],
    [
      'newListener',
      event,
      /^Invalid channel: expected none of newListener, removeListener, error, drain, cycle/,
    ],
    ['removeListener', event, /^Invalid channel/],
    ['error', event, /^Invalid channel/],
    ['drain', event, /^Invalid channel/],
    ['cycle', event, /^Invalid channel/],
    ['a', undefined, /^Invalid event/],
    ['a', 'text', /^Invalid event/],
    ['a', { type: 'b' }, /^Invalid from/],
    ['a', { from: '', type: 'b' }, /^Invalid from/],
    ['a', { from: 'a', type: 7 }, /^Invalid type/],
    ['a', { ...event, data: null }, /^Invalid data: expected an object or an array, got null/],
    ['a', { ...event, data: 'text' }, /^Invalid data: .* got string/],
    ['a', { ...event, data: 0 }, /^Invalid data/],
    ['a', { ...event, data: circular }, /circular/],
  ])('%j %j', async (channel, wrong, message) => {
    const server = await startServer();
    const client = clientOf(server) as unknown as {
      send(channel: unknown, event: unknown, callback?: (error: Error) => void): Promise<unknown>;
    };
    let later = false;
    const called = new Promise<Error>((resolve, reject) => {
      client.send(channel, wrong, (error) =>
        later ? resolve(error) : reject(new Error('called back at once')),
      );
    });
    later = true;
    const error = await called;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(message);
    await expect(client.send(channel, wrong)).rejects.toThrow(message);
    expect(server.requests).toEqual([]);
  });

  test('undefined data is no data', async () => {
    const server = (await startServer()).script(json(header));
    await clientOf(server).send('a', { from: 'a', type: 'b', data: undefined });
    expect(Object.keys(JSON.parse((await server.request(1)).body))).not.toContain('data');
  });
});

test('a failure that nobody looks at is no unhandled rejection', async () => {
  const rejections: unknown[] = [];
  const watch = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', watch);
  cleanUp(() => void process.off('unhandledRejection', watch));
  const server = (await startServer()).script(text('no', 400));
  const client = clientOf(server);
  client.send('a', event);
  (client as Client).send('error', event);
  await server.request(1);
  await client.close();
  await new Promise(setImmediate);
  expect(rejections).toEqual([]);
});

test('what a callback throws is an uncaught exception', async () => {
  const errors = uncaught();
  const server = (await startServer()).script(json(header));
  const client = clientOf(server);
  client.send('a', event, () => {
    throw new Error('in the callback');
  });
  await server.request(1);
  await client.close();
  await new Promise(setImmediate);
  expect(errors).toEqual([new Error('in the callback')]);
});
