import { expect, test } from 'vitest';
import { Client, type RequestError } from '../src/index.js';
import { json, text } from './hostile-server.js';
import { startRealServer } from './real-server.js';
import { cleanUp, clientOf, startServer } from './setup.js';

const event = { from: 'f', type: 't' };
const header = (id: number) => ({ id, timestamp: 1 });

async function startClient(): Promise<Client> {
  const client = new Client('c', { url: await startRealServer('s'), secret: 's' });
  cleanUp(() => client.close());
  return client;
}

const failureOf = (sent: Promise<unknown>) =>
  sent.then(
    () => undefined,
    (error: RequestError) => error,
  );

test('goes with the send, and the error tells the newest id', async () => {
  const client = await startClient();
  expect(await client.send('a', event, { expectedLastId: 0 })).toMatchObject({ id: 1 });
  const error = await failureOf(client.send('a', event, { expectedLastId: 0 }));
  expect(error).toMatchObject({
    code: 'UnexpectedLastId',
    statusCode: 409,
    lastId: 1,
    maybeProcessed: false,
    body: { code: 'UnexpectedLastId', lastId: 1 },
  });
  expect(await client.sendBatch('a', [event, event], { expectedLastId: 1 })).toMatchObject([
    { id: 2 },
    { id: 3 },
  ]);
  expect(await failureOf(client.sendBatch('a', [event, event], { expectedLastId: 1 }))).toMatchObject({
    lastId: 3,
  });
  expect(await failureOf(client.send('a:other', event, { expectedLastId: 3 }))).toMatchObject({ lastId: 0 });
});

test('of several that share a request each has its own, and shares its append with no other', async () => {
  const client = await startClient();
  const send = (expectedLastId?: number) =>
    client.send('a', event, { expectedLastId }).then(
      ({ id }) => id,
      (error: RequestError) => [error.code, error.statusCode, error.lastId],
    );
  const refused = (lastId: number) => ['UnexpectedLastId', 409, lastId];
  const sent = [send(0), send(0), send(), send(2), send(), send(), send(3)];
  expect(await Promise.all(sent)).toEqual([1, refused(1), 2, 3, 4, 5, refused(5)]);
});

test('is sent again as it is, under the same key', async () => {
  const server = (await startServer()).script(text('', 503), json(header(8)));
  const client = clientOf(server);
  expect(await client.send('a', event, { expectedLastId: 7 })).toEqual(header(8));
  const [first, second] = server.requests;
  expect(JSON.parse(first?.body ?? '')).toMatchObject({ expectedLastId: 7, type: 't' });
  expect(second?.body).toBe(first?.body);
  const keyOf = (request: typeof first) => request?.headers['idempotency-key'];
  expect(keyOf(first)).toBeDefined();
  expect(keyOf(second)).toBe(keyOf(first));
});

test.each([-1, 1.5, '1', null, Number.NaN])('that is no id is refused: %s', async (expectedLastId) => {
  const client = clientOf(await startServer());
  const options = { expectedLastId } as object;
  const message = /^Invalid expectedLastId: expected an integer from 0 to \d+, got /;
  await expect(client.send('a', event, options)).rejects.toThrow(message);
  await expect(client.sendBatch('a', [event], options)).rejects.toThrow(message);
});

test('only an error about it has a last id', async () => {
  const server = (await startServer()).script(
    json({ code: 'Conflict', message: '', lastId: 1 }, 409),
    json({ code: 'UnexpectedLastId', message: '', lastId: '1' }, 409),
  );
  const client = clientOf(server);
  expect(await failureOf(client.send('a', event))).toMatchObject({ code: 'Conflict', lastId: undefined });
  expect(await failureOf(client.send('a', event))).toMatchObject({
    code: 'UnexpectedLastId',
    lastId: undefined,
  });
});

test('metadata goes with events, and comes with them', async () => {
  const client = await startClient();
  const metadata = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
  await client.send('a', { ...event, metadata });
  const partly = { none: undefined } as unknown as Record<string, string>;
  await client.sendBatch('a', [event, { ...event, metadata: partly }]);
  const stored = await client.getLatestEvents('a');
  expect(stored.map((each) => each.metadata)).toEqual([metadata, undefined, {}]);
});

test.each([
  [null, 'expected a flat object of strings, got null'],
  [{ A: 'x' }, 'expected names of 1 to 64 characters of a-z 0-9 . _ -, got "A"'],
  [{ a: 1 }, 'expected a string as "a", got number'],
])('metadata that is none is refused: %j', async (metadata, problem) => {
  const client = clientOf(await startServer());
  const bad = { ...event, metadata } as typeof event;
  await expect(client.send('a', bad)).rejects.toThrow(`Invalid metadata: ${problem}`);
  await expect(client.sendBatch('a', [event, bad])).rejects.toThrow(
    `Invalid metadata of events[1]: ${problem}`,
  );
});
