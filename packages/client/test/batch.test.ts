import { describe, expect, test } from 'vitest';
import type { Client } from '../src/index.js';
import { json, text } from './hostile-server.js';
import { clientOf, startServer } from './setup.js';

const events = [
  { from: 'test', type: 'add', data: { n: 1 } },
  { from: 'test', type: 'remove' },
];
const headers = [
  { id: 4, timestamp: 1 },
  { id: 5, timestamp: 1 },
];

test('posts the events and resolves with their headers', async () => {
  const server = (await startServer()).script(json(headers));
  expect(await clientOf(server).sendBatch('a', events)).toEqual(headers);
  const { method, pathname, body } = await server.request(1);
  expect([method, pathname]).toEqual(['POST', '/events/v1/events']);
  expect(JSON.parse(body)).toEqual({ clientId: 'tester', channel: 'a', events });
});

test('calls back', async () => {
  const server = (await startServer()).script(json(headers));
  const client = clientOf(server);
  const args = await new Promise((resolve) => {
    const returned: unknown = client.sendBatch('a', events, (...args) => resolve([returned, ...args]));
  });
  expect(args).toEqual([undefined, null, headers]);
});

test('is sent again as a whole, under one key', async () => {
  const server = (await startServer()).script(text('', 503), json(headers));
  await clientOf(server).sendBatch('a', events);
  const [first, second] = server.requests;
  expect(second?.body).toBe(first?.body);
  expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
});

test('a reply with headers for other than all of the events is none', async () => {
  const server = (await startServer()).script(json(headers.slice(1)), json(headers[0]), json(headers));
  expect(await clientOf(server).sendBatch('a', events)).toEqual(headers);
  expect(server.requests).toHaveLength(3);
});

test('no events are no request', async () => {
  const server = await startServer();
  expect(await clientOf(server).sendBatch('a', [])).toEqual([]);
  expect(server.requests).toEqual([]);
});

describe('what cannot be sent is a TypeError, later, and makes no request', () => {
  test.each([
    ['', events, /^Invalid channel/],
    ['drain', events, /^Invalid channel: expected none of/],
    ['a', undefined, 'Invalid events: expected an array, got undefined'],
    ['a', { ...events }, 'Invalid events: expected an array, got an object'],
    ['a', [events[0], null], 'Invalid event of events[1]: expected an object with from and type'],
    ['a', [{ type: 'add' }], 'Invalid from of events[0]: expected a non-empty string'],
    ['a', [events[0], { from: 'a', type: '' }], 'Invalid type of events[1]: expected a non-empty string'],
    ['a', [{ from: 'a', type: 'b', data: 7 }], /^Invalid data of events\[0\]: .* got number$/],
  ])('%j %j', async (channel, wrong, message) => {
    const server = await startServer();
    const client = clientOf(server) as unknown as { sendBatch: (...args: unknown[]) => Promise<unknown> };
    const error = await client.sendBatch(channel, wrong).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(TypeError);
    expect(() => {
      throw error;
    }).toThrow(message);
    expect(server.requests).toEqual([]);
  });

  test('what is neither options nor a callback is one at once', async () => {
    const client = clientOf(await startServer());
    const wrong = 7 as unknown as Parameters<Client['sendBatch']>[2];
    expect(() => client.sendBatch('a', events, wrong)).toThrow(
      'Invalid callback: expected a function, got number',
    );
  });
});
