import { describe, expect, test } from 'vitest';
import type { RequestError } from '../src/index.js';
import { cut, eventOf, events, json, type Reply, raw, reset, text } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

const page = JSON.stringify([eventOf(2), eventOf(3)]);
const html = '<html><h1>502 Bad Gateway</h1></html>';

const failures: [string, Reply, object][] = [
  [
    'a JSON error',
    json({ code: 'Internal', message: 'oh' }, 500),
    {
      name: 'InternalError',
      restCode: 'Internal',
      code: 'Internal',
      statusCode: 500,
      body: { code: 'Internal', message: 'oh' },
    },
  ],
  [
    "a proxy's page",
    text(html, 502, { 'Content-Type': 'text/html' }),
    { name: 'RequestError', restCode: undefined, code: 'UnexpectedStatus', statusCode: 502, body: html },
  ],
  ['an empty 503', text('', 503), { code: 'UnexpectedStatus', statusCode: 503, body: '' }],
  [
    'a refusal',
    json({ code: 'InvalidCredentialsError', message: 'no' }, 401),
    { name: 'InvalidCredentialsError', statusCode: 401 },
  ],
  ['a redirect', text('', 302, { Location: '/elsewhere' }), { statusCode: 302 }],
  ['no content', ({ response }) => response.writeHead(204).end(), { statusCode: 204 }],
  [
    'a reply cut off between two events',
    cut(page.slice(0, -20), page.length),
    { code: 'ReplyCut', statusCode: 200, body: page.slice(0, -20) },
  ],
  [
    'a reply without length cut off',
    raw(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${page.slice(0, -1)}`),
    { code: 'InvalidReply', body: page.slice(0, -1) },
  ],
  ['garbled chunks', raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'), { statusCode: 200 }],
  ['something that is not HTTP', raw('hello'), { statusCode: undefined, body: 'hello' }],
  ['a page with status 200', text(html), { code: 'InvalidReply', statusCode: 200, body: html }],
  ['an object', json({ events: [] }), { code: 'InvalidReply', body: '{"events":[]}' }],
  ['null', json(null), { code: 'InvalidReply', body: 'null' }],
  ['events without ids', json([{ from: 'a' }]), { code: 'InvalidReply' }],
  ['events that are none', json([null]), { code: 'InvalidReply' }],
  ['events in the wrong order', events(3, 2), { code: 'InvalidReply' }],
  ['an event twice', events(2, 2), { code: 'InvalidReply' }],
  ['an event that was there already', events(1, 2), { code: 'InvalidReply' }],
];

describe('are reported with what came, then the same cursor is tried again and no event is emitted twice', () => {
  test.each(failures)('%s', async (_what, reply, expected) => {
    const server = (await startServer()).script(events(1), reply, events(2, 3));
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    const reported = emitted(client, 'error');
    const [error, channel] = (await reported) as [RequestError, string];
    expect(error).toMatchObject(expected);
    expect(channel).toBe('a');
    await server.request(4);
    expect(server.requests.map(({ query }) => query.get('after'))).toEqual([null, '1', '1', '3']);
    expect(record).toEqual([
      '1 a',
      'cycle saved-1 a',
      `error ${error.code} a`,
      'cycle 1-1 a',
      '2 a',
      '3 a',
      'cycle 1-3 a',
    ]);
  });
});

test.each([
  ['an endless error', 500],
  ['a large reply that is not JSON', 200],
])('%s is kept in part only', async (_what, status) => {
  const server = (await startServer()).script(text('x'.repeat(10_000_000), status));
  const client = clientOf(server);
  const reported = emitted(client, 'error');
  client.on('a', () => {});
  const [error] = (await reported) as [RequestError];
  expect(error.body).toBe('x'.repeat(8192));
  expect(error.message.length).toBeLessThan(400);
});

test('the secret is in no error', async () => {
  const server = (await startServer()).script(text('no', 401));
  const client = clientOf(server);
  const reported = emitted(client, 'error');
  client.on('a', () => {});
  const [error] = await reported;
  const { inspect } = await import('node:util');
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('s3cret');
  expect(inspect(client, { depth: 9, showHidden: true })).not.toContain('s3cret');
});

test('an error of one channel leaves the others alone', async () => {
  const server = await startServer();
  server.scriptOf('a', reset, events(1)).scriptOf('b', events(1), events(2));
  const client = clientOf(server, { unreachableMs: 0 });
  const record = recordOf(client, 'a', 'b');
  await server.until(() => server.requestsOf('a').length === 3 && server.requestsOf('b').length === 3);
  expect(record.filter((line) => line.endsWith('b') && !line.startsWith('cycle'))).toEqual(['1 b', '2 b']);
  expect(record).toContain('error ECONNRESET a');
  expect(record).toContain('1 a');
});

test('an error after the last handler was removed is not reported', async () => {
  const server = await startServer();
  const client = clientOf(server);
  const record = recordOf(client, 'a');
  await server.request(1);
  client.removeAllListeners('a');
  const drained = emitted(client, 'drain');
  server.dropConnections();
  await drained;
  expect(record).toEqual(['cycle saved-saved a', 'drain']);
});
