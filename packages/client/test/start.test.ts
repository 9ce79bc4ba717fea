import { expect, test } from 'vitest';
import { Client } from '../src/index.js';
import { events, type HostileServer, type Received } from './hostile-server.js';
import { startRealServer } from './real-server.js';
import { cleanUp, clientOf, emitted, startServer } from './setup.js';

const starts = (server: HostileServer) =>
  server.requests.map(({ query }) => [query.get('start'), query.get('after')]);

test('is told with reads that leave the cursor to the server, by all readers of a client', async () => {
  const server = (await startServer()).script(events(), events(4), events());
  const client = clientOf(server, { start: 'new' });
  client.on('a', () => {});
  await server.request(3);
  expect(starts(server)).toEqual([
    ['new', null],
    ['new', null],
    [null, '4'],
  ]);
});

test.each([
  ['first', 'first'],
  [1429084002258, '1429084002258'],
  [new Date(1429084002258), '1429084002258'],
  [new Date(0), '1970-01-01T00:00:00.000Z'],
  ['2015-04-15T07:46:42Z', '2015-04-15T07:46:42Z'],
] as const)('of a stream goes before that of its client: %s', async (start, sent) => {
  const server = (await startServer()).script(events(1));
  await clientOf(server, { start: 'new' }).stream('a', { start }).next();
  expect(starts(server)).toEqual([[sent, null]]);
});

test('is not told beside the place that a stream is to begin at', async () => {
  const server = (await startServer()).script(events(1));
  await clientOf(server, { start: 'new' }).stream('a', { after: 0 }).next();
  expect(starts(server)).toEqual([[null, '0']]);
});

test('is told on a shared connection, until something has come', async () => {
  const server = await startServer();
  server.knowsStreams = true;
  const bodies: { cursors: object[] }[] = [];
  const page = (...ids: number[]) => ({
    channel: 'a',
    after: 0,
    firstId: 1,
    lastId: 9,
    events: ids.map((id) => ({ id, timestamp: 1, from: 'f', type: 't' })),
  });
  const replies = [[], [page(9)], undefined];
  server.answer = ({ pathname, body, response }: Received) => {
    if (!pathname.endsWith('/streams')) return undefined;
    bodies.push(JSON.parse(body));
    const lines = replies.shift();
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    for (const line of [{ heartbeatMs: 5_000 }, ...(lines ?? [])])
      response.write(`${JSON.stringify(line)}\n`);
    if (lines !== undefined) response.end();
    return undefined;
  };
  const client = clientOf(server, { start: 'new' });
  client.on('a', () => {});
  await server.until(() => bodies.length === 3);
  expect(bodies.map(({ cursors }) => cursors)).toEqual([
    [{ channel: 'a', limit: 100, start: 'new' }],
    [{ channel: 'a', limit: 100, start: 'new' }],
    [{ channel: 'a', after: 9, limit: 100 }],
  ]);
});

test.each(['', 'soon', -1, 1.5, new Date(Number.NaN), '2026-02-30', true, {}, []])(
  'that is none is refused: %o',
  (start) => {
    const options = { secret: 's', start } as { secret: string };
    expect(() => new Client('c', options)).toThrow(/^Invalid start: expected first, new, milliseconds/);
    const client = new Client('c', { secret: 's' });
    expect(() => client.stream('a', { start } as object)).toThrow(/^Invalid start: /);
    expect(() => client.stream('a', { after: 1, start: 'new' })).toThrow(
      'Invalid start: expected none beside after, got "new"',
    );
  },
);

test.each([1_429_084_002, '1429084002', 0])('that looks like seconds is refused: %o', (start) => {
  expect(() => new Client('c', { secret: 's', start })).toThrow(
    `Invalid start: expected milliseconds since the Unix epoch, from 1000000000000 on (this looks like seconds), got ${JSON.stringify(start)}`,
  );
});

test('a new consumer of a real server gets what comes after it has begun, and goes on there', async () => {
  const url = await startRealServer('s');
  const options = { url, secret: 's' };
  const publisher = new Client('publisher', options);
  cleanUp(() => publisher.close());
  const event = { from: 'f', type: 't' };
  const [, second] = await publisher.sendBatch('a', [event, event]);

  const listener = new Client('listener', { ...options, start: 'new' });
  cleanUp(() => listener.close());
  const first = emitted(listener, 'a');
  // Once its first read has come to the server its cursor is saved.
  const saved = async () => (await fetchCursor(url, 'listener', 'a')) === 2;
  while (!(await saved()));
  await publisher.send('a', event);
  expect(await first).toMatchObject([{ id: 3 }, 'a']);
  await listener.close();

  const stream = publisher.stream('a', { start: new Date(second?.timestamp ?? 0) });
  // Both of the batch have one timestamp.
  expect(await stream.next()).toMatchObject({ value: { id: 1 } });
  await stream.return();
});

/** The cursor of a consumer, as a read shows it: the id before the first event that it brings, or the newest one. */
async function fetchCursor(url: string, clientId: string, channel: string): Promise<number> {
  const response = await fetch(`${url}/events/v1/events?clientId=${clientId}&channel=${channel}&timeout=0`, {
    headers: { Authorization: 'Bearer s' },
  });
  const [event] = (await response.json()) as { id: number }[];
  return event === undefined ? Number(response.headers.get('Events-Last-Id')) : event.id - 1;
}
