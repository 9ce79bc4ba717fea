import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { IndexerClient, type RequestError } from '../src/index.js';
import { events, json, type Reply } from './hostile-server.js';
import { clientOf, emitted, startServer } from './setup.js';

const event = { from: 'a', type: 'b' };
const header = { id: 1, timestamp: 2 };
const refusal = { code: 'InvalidCredentialsError', message: '' };
/** As the original refuses: without saying what it knows. */
const unknown: Reply = ({ response }) => response.writeHead(401).end(JSON.stringify(refusal));
/** As this project's server does. */
const challenge = json(refusal, 401);

/** Where a request carried the secret. */
function placesOf({
  headers,
  query,
  body,
}: {
  headers: Record<string, unknown>;
  query: URLSearchParams;
  body: string;
}): string[] {
  return [
    ...(headers.authorization === 'Bearer s3cret' ? ['header'] : []),
    ...(query.get('secret') === 's3cret' ? ['query'] : []),
    ...(body !== '' && JSON.parse(body).secret === 's3cret' ? ['body'] : []),
  ];
}

test('a server that does not know the header is found out once, and gets it as the original sends it', async () => {
  const server = (await startServer()).script(unknown, events(1), json(header), json(header));
  const client = clientOf(server);
  await emitted(client, 'a');
  await client.send('a', event);
  await client.send('a', event);
  const places = server.requests.map((request) => [request.method, ...placesOf(request)].join(' '));
  expect(places.filter((place) => place.startsWith('GET')).slice(0, 2)).toEqual(['GET header', 'GET query']);
  expect(places.filter((place) => place.startsWith('POST'))).toEqual(['POST body', 'POST body']);
  // Everything after the refusal.
  expect(places.filter((place) => place.endsWith('header'))).toHaveLength(1);
});

test('so is one that is sent to first', async () => {
  const server = (await startServer()).script(unknown, json(header), json('OK'));
  const client = clientOf(server);
  expect(await client.send('a', event)).toEqual(header);
  expect(server.requests.map(placesOf)).toEqual([['header'], ['body']]);
});

test('a server that names the header has refused the secret itself, which then stands in no URL', async () => {
  const server = (await startServer()).script(challenge);
  const client = clientOf(server);
  await expect(client.send('a', event)).rejects.toMatchObject({ statusCode: 401 });
  expect(server.requests.map(placesOf)).toEqual([['header']]);
});

test('a wrong secret is an error after both ways, and the header stays the first', async () => {
  const server = (await startServer()).script(unknown, unknown, json(header));
  const client = clientOf(server);
  await expect(client.send('a', event)).rejects.toMatchObject({ code: 'InvalidCredentialsError' });
  await client.send('a', event);
  expect(server.requests.map(placesOf)).toEqual([['header'], ['body'], ['header']]);
});

const bounded: Reply = ({ response }) =>
  response.writeHead(200, { 'Events-First-Id': '1', 'Events-Last-Id': '1' }).end('[]');

test.each([
  ['tells the bounds of a channel', bounded],
  ['names the header', challenge],
])('a server that was replaced by one that %s gets the header again', async (_what, reply) => {
  const server = (await startServer()).script(unknown, json([]), reply, json([]), json([]));
  const client = clientOf(server);
  for (let n = 0; n < 3; n += 1) await client.getLatestEvents('a');
  expect(server.requests.map(placesOf).slice(0, 3)).toEqual([['header'], ['query'], ['query']]);
  expect(server.requests.map(placesOf).at(-1)).toEqual(['header']);
});

test.each(['two\nlines', 'end\n', ' spaces ', 'snow ☃'])(
  '%j is sent in the fields from the start',
  async (secret) => {
    const server = (await startServer()).script(json(header), json([]));
    const client = clientOf(server, { secret });
    await client.send('a', event);
    await client.getLatestEvents('a');
    const [sent, read] = server.requests;
    expect(JSON.parse(sent?.body ?? '')).toMatchObject({
      secret,
      clientId: 'tester',
      channel: 'a',
      ...event,
    });
    expect(read?.query.get('secret')).toBe(secret);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  },
);

test.each(['s3cret&more', 'two\nlines'])(
  '%j is in no error, even if a proxy repeats the URL',
  async (secret) => {
    const server = await startServer();
    const echo: Reply = ({ response, query }) =>
      response
        .writeHead(404, { 'Content-Type': 'text/html' })
        .end(`<h1>no ?${query} (${query.get('secret')})</h1>`);
    server.script(unknown, echo);
    const indexer = new IndexerClient({ secret, hostname: '127.0.0.1', port: server.port });
    const error = (await indexer.getIndexEvents('i', 'v').catch((cause) => cause)) as RequestError;
    const seen = inspect(error, { depth: 9, showHidden: true }) + error.message;
    for (const form of [secret, encodeURIComponent(secret), 'more', 'lines'])
      expect(seen).not.toContain(form);
    if (secret.startsWith('s3')) expect(seen).toContain('[secret]');
  },
);
