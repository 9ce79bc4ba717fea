import { expect, test } from 'vitest';
import { events, json, text } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

test('follows the events or the error of each request, and precedes the next request', async () => {
  const server = (await startServer()).script(events(1, 2), text('no', 500), json([]), events(3));
  const client = clientOf(server);
  const record = recordOf(client, 'a');
  let made = 0;
  const requests: number[] = [];
  client.on('cycle', () => {
    made += 1;
    requests.push(server.requests.length - made);
  });
  await server.request(5);
  expect(record).toEqual([
    '1 a',
    '2 a',
    'cycle saved-2 a',
    'error UnexpectedStatus a',
    'cycle 2-2 a',
    'cycle 2-2 a',
    '3 a',
    'cycle 2-3 a',
  ]);
  expect(requests).toEqual([0, 0, 0, 0]);
});

test('removing a handler in it loses no event', async () => {
  const server = (await startServer()).script(events(1, 2), events(3));
  const client = clientOf(server);
  const got: number[] = [];
  const handler = ({ id }: { id: number }) => got.push(id);
  client.on('a', handler);
  client.once('cycle', () => client.removeListener('a', handler));
  await emitted(client, 'drain');
  expect(got).toEqual([1, 2]);
  expect(server.requests).toHaveLength(1);
  client.on('a', handler);
  await server.request(3);
  expect(got).toEqual([1, 2, 3]);
  expect(server.requests.map(({ query }) => query.get('after'))).toEqual([null, '2', '3']);
});

test('is emitted for a request that outlived the handlers', async () => {
  const server = await startServer();
  const client = clientOf(server);
  client.on('a', () => {});
  await server.request(1);
  client.removeAllListeners('a');
  const cycle = emitted(client, 'cycle');
  server.requests[0]?.response.end('[]');
  const [{ finished, next }] = (await cycle) as [{ finished: unknown; next: unknown }];
  expect(next).toEqual(finished);
});
