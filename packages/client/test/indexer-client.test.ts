import http from 'node:http';
import { describe, expect, test } from 'vitest';
import { IndexerClient, type IndexerClientOptions } from '../src/index.js';
import { eventOf, type HostileServer, json, text } from './hostile-server.js';
import { cleanUp, startServer } from './setup.js';

const found = { id: 'by name', field: 'data.name', value: 'a/b?é', rows: [eventOf(2), eventOf(1)] };

function indexerOf(server: HostileServer, options: Partial<IndexerClientOptions> = {}): IndexerClient {
  const agent = new http.Agent({ keepAlive: true });
  cleanUp(() => agent.destroy());
  return new IndexerClient({
    protocol: 'http',
    hostname: '127.0.0.1',
    port: server.port,
    secret: 's3cret',
    agent,
    retryBaseMs: 4,
    retryMaxMs: 8,
    ...options,
  });
}

describe('createIndex', () => {
  test('posts the definition', async () => {
    const server = (await startServer()).script(json('OK'));
    expect(await indexerOf(server).createIndex('by name', 'users/v1', 'data.name')).toBe('OK');
    const { method, pathname, headers, body } = await server.request(1);
    expect([method, pathname, headers.authorization]).toEqual([
      'POST',
      '/events/v1/indices',
      'Bearer s3cret',
    ]);
    expect(JSON.parse(body)).toEqual({ id: 'by name', channel: 'users/v1', field: 'data.name' });
  });

  test('calls back', async () => {
    const server = (await startServer()).script(
      json('OK'),
      json({ code: 'Conflict', message: 'other' }, 409),
    );
    const indexer = indexerOf(server);
    const args = await new Promise((resolve) => {
      const returned: unknown = indexer.createIndex('i', 'a', 'f', (...args) => resolve([returned, ...args]));
    });
    expect(args).toEqual([undefined, null, 'OK']);
    const error = await new Promise((resolve) => indexer.createIndex('i', 'a', 'f', resolve));
    expect(error).toMatchObject({ code: 'Conflict', statusCode: 409 });
    expect(server.requests).toHaveLength(2);
  });

  test('is repeated after a failure', async () => {
    const server = (await startServer()).script(text('', 503), json('no'), json('OK'));
    expect(await indexerOf(server).createIndex('i', 'a', 'f')).toBe('OK');
  });

  test.each([
    ['', 'a', 'f', 'Invalid id: expected a non-empty string, got ""'],
    ['i', undefined, 'f', 'Invalid channel: expected a non-empty string, got undefined'],
    ['i', 'a', 7, 'Invalid field: expected a non-empty string, got 7'],
  ])('%j %j %j is a TypeError, later', async (id, channel, field, message) => {
    const server = await startServer();
    const created = indexerOf(server).createIndex(id, channel as string, field as string);
    await expect(created).rejects.toThrow(message);
    expect(server.requests).toEqual([]);
  });
});

describe('getIndexEvents', () => {
  test('goes through all pages of the server', async () => {
    const server = (await startServer()).script(
      json({ ...found, rows: [eventOf(9), eventOf(7)], next: 7 }),
      json({ ...found, rows: [eventOf(5)], next: 5 }),
      json({ ...found, rows: [] }),
    );
    const all = await indexerOf(server).getIndexEvents('by name', 'a/b?é');
    expect(all).toEqual({ ...found, rows: [eventOf(9), eventOf(7), eventOf(5)] });
    expect(server.requests.map(({ query }) => query.get('before'))).toEqual([null, '7', '5']);
  });

  test('reads the events of a value', async () => {
    const server = (await startServer()).script(json(found));
    expect(await indexerOf(server).getIndexEvents('by name', 'a/b?é')).toEqual(found);
    const { method, pathname, query, headers } = await server.request(1);
    expect([method, pathname, [...query]]).toEqual([
      'GET',
      '/events/v1/indices/by%20name/a%2Fb%3F%C3%A9',
      [],
    ]);
    expect(headers.authorization).toBe('Bearer s3cret');
  });

  test('calls back', async () => {
    const unknown = json({ code: 'ResourceNotFound', message: 'no such index' }, 404);
    const server = (await startServer()).script(json(found), unknown);
    const indexer = indexerOf(server);
    const args = await new Promise((resolve) => {
      const returned: unknown = indexer.getIndexEvents('i', 'v', (...args) => resolve([returned, ...args]));
    });
    expect(args).toEqual([undefined, null, found]);
    const error = await new Promise((resolve) => indexer.getIndexEvents('i', 'v', resolve));
    expect(error).toMatchObject({ code: 'ResourceNotFound', statusCode: 404 });
  });

  test.each([
    [17, '17'],
    [true, 'true'],
  ])('takes %j too', async (value, text) => {
    const server = (await startServer()).script(json({ ...found, rows: [] }));
    expect((await indexerOf(server).getIndexEvents('i', value)).rows).toEqual([]);
    expect((await server.request(1)).pathname).toBe(`/events/v1/indices/i/${text}`);
  });

  test('a reply that is something else is repeated', async () => {
    const server = (await startServer()).script(json([]), json({ ...found, rows: [{}] }), json(found));
    expect(await indexerOf(server).getIndexEvents('i', 'v')).toEqual(found);
  });

  test('gives up after a bounded time', async () => {
    const server = (await startServer()).script(text('', 503, { 'Retry-After': 60 }));
    await expect(indexerOf(server, { sendTimeoutMs: 50 }).getIndexEvents('i', 'v')).rejects.toThrow(
      /^Gave up after 1 attempt, with sendTimeoutMs 50: GET http/,
    );
  });
});

describe('options', () => {
  test.each([
    ['/gate/events/v2', '/gate/events/v2/indices'],
    ['/gate/', '/gate/indices'],
    ['', '/indices'],
  ])('pathnamePrefix %j', async (pathnamePrefix, expected) => {
    const server = (await startServer()).script(json('OK'));
    await indexerOf(server, { pathnamePrefix }).createIndex('i', 'a', 'f');
    expect((await server.request(1)).pathname).toBe(expected);
  });

  test('a URL instead of the parts', async () => {
    const server = (await startServer()).script(json('OK'));
    const indexer = new IndexerClient({ url: `http://127.0.0.1:${server.port}`, secret: 's' });
    await indexer.createIndex('i', 'a', 'f');
    expect((await server.request(1)).pathname).toBe('/events/v1/indices');
  });

  test.each([
    [undefined, /^Invalid options: expected an object, got undefined/],
    [{}, /^Invalid secret/],
    [{ secret: 's', pathnamePrefix: 'x' }, /^Invalid pathnamePrefix: .*, got "x"$/],
    [{ secret: 's', pathnamePrefix: '/a?b' }, /^Invalid pathnamePrefix/],
    [{ secret: 's', protocol: 'ftp' }, /^Invalid protocol/],
    [{ secret: 's', url: 'http://a', port: 1 }, /^Invalid options: expected either url or port/],
    [{ secret: 's', url: 'http://a', pathnamePrefix: '/b' }, /^Invalid options: expected either url or/],
  ])('%j is said to be wrong', (options, message) => {
    expect(() => new IndexerClient(options as IndexerClientOptions)).toThrow(message);
  });
});
