import { createHmac } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { buildApp } from '@ganomede/events-server';
import { openMemoryStore } from '@ganomede/events-store/memory';
import { describe, expect, test, vi } from 'vitest';
import { Client, IndexerClient, type RequestError } from '../src/index.js';
import { events, json, type Received, type Reply } from './hostile-server.js';
import { cleanUp, clientOf, emitted, startServer } from './setup.js';

const event = { from: 'a', type: 'b' };
const header = { id: 1, timestamp: 2 };

/** As this project's server refuses a token, and what it gives no right to. */
const refusal = (status: number, code: string, error: string): Reply => {
  return ({ response }) =>
    response
      .writeHead(status, { 'WWW-Authenticate': `Bearer error="${error}", error_description="Because"` })
      .end(JSON.stringify({ code, message: 'Because' }));
};
const expired = refusal(401, 'InvalidToken', 'invalid_token');
const forbidden = refusal(403, 'InsufficientScope', 'insufficient_scope');

/** Gives `t1`, `t2`, …, and counts. */
const tokens = () => {
  let count = 0;
  return vi.fn(async () => {
    count += 1;
    return `t${count}`;
  });
};
const carried = ({ headers }: Received) => headers.authorization;
const withToken = (token: unknown) => ({ secret: undefined, token: token as string });

test('a token is carried by the header, and a function is called once for all requests', async () => {
  const server = await startServer();
  server.answer = (request) => json(request.method === 'POST' ? header : [])(request);
  const token = tokens();
  const client = clientOf(server, withToken(token));
  expect(token).not.toHaveBeenCalled();
  await Promise.all(['a', 'b', 'c'].map((channel) => client.getLatestEvents(channel)));
  await client.send('d', event);
  expect(token).toHaveBeenCalledTimes(1);
  expect(new Set(server.requests.map(carried))).toEqual(new Set(['Bearer t1']));
  expect(server.requests.every(({ body }) => !body.includes('secret'))).toBe(true);
});

test('a token that is not accepted any more is renewed once, for all who were refused, and the request sent again', async () => {
  const server = await startServer();
  server.answer = (request) => (carried(request) === 'Bearer t1' ? expired : json([]))(request);
  const token = tokens();
  const client = clientOf(server, withToken(token));
  expect(await Promise.all(['a', 'b', 'c'].map((channel) => client.getLatestEvents(channel)))).toEqual([
    [],
    [],
    [],
  ]);
  expect(token).toHaveBeenCalledTimes(2);
  expect(server.requests.map(carried).sort()).toEqual([
    ...Array(3).fill('Bearer t1'),
    ...Array(3).fill('Bearer t2'),
  ]);
});

test('if the next one is not accepted either that is an error', async () => {
  const server = await startServer();
  server.answer = expired;
  const client = clientOf(server, withToken(tokens()));
  await expect(client.getLatestEvents('a')).rejects.toMatchObject({ code: 'InvalidToken', statusCode: 401 });
  expect(server.requests.map(carried)).toEqual(['Bearer t1', 'Bearer t2']);
});

test.each([
  ['a text is not renewed', 'fixed', expired, 'InvalidToken'],
  ['what a token gives no right to is not asked for again', tokens(), forbidden, 'InsufficientScope'],
  [
    'nor what is refused as it was before there were tokens',
    tokens(),
    json({ code: 'InvalidCredentialsError', message: '' }, 401),
    'InvalidCredentialsError',
  ],
] as [string, unknown, Reply, string][])('%s', async (_what, token, reply, code) => {
  const server = (await startServer()).script(reply);
  const client = clientOf(server, withToken(token));
  await expect(client.send('a', event)).rejects.toMatchObject({ code });
  expect(server.requests).toHaveLength(1);
});

test('a function that fails is tried again, as a server that cannot be reached', async () => {
  const server = (await startServer()).script(json(header));
  let calls = 0;
  const token = () => {
    calls += 1;
    if (calls === 1) throw new Error('no token today');
    return calls === 2 ? '' : 'good';
  };
  const client = clientOf(server, withToken(token));
  expect(await client.send('a', event)).toEqual(header);
  expect(calls).toBe(3);
  expect(server.requests.map(carried)).toEqual(['Bearer good']);
});

test('and if it goes on failing the request says why', async () => {
  const server = await startServer();
  const options = { ...withToken(() => Promise.reject(new Error('no token today'))), sendTimeoutMs: 20 };
  const failure: RequestError = await clientOf(server, options)
    .send('a', event)
    .then(
      () => Promise.reject(new Error('sent')),
      (error) => error,
    );
  expect(failure).toMatchObject({ code: 'TokenUnavailable', maybeProcessed: false, statusCode: undefined });
  expect(failure.message).toMatch(/no token: no token today/);
  expect(server.requests).toEqual([]);
});

test('a function that gives nothing for too long holds up no request for longer than it may take, and no close', async () => {
  const server = await startServer();
  const options = { ...withToken(() => new Promise(() => {})), sendTimeoutMs: 20 };
  const client = clientOf(server, options);
  await expect(client.send('a', event)).rejects.toMatchObject({ code: 'Timeout' });
  client.on('b', () => {});
  client.on('error', () => {});
  // The stream of the channel waits for a token, too.
  await new Promise(setImmediate);
  await client.close();
  expect(server.requests).toEqual([]);
});

test('a stream that a server refuses goes on with the next token', async () => {
  const server = await startServer();
  server.knowsStreams = true;
  server.answer = (request) => {
    if (!request.pathname.endsWith('/streams')) return json({ results: [{ after: 1 }] })(request);
    if (carried(request) === 'Bearer t1') return expired(request);
    request.response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    const page = { channel: 'a', after: 0, firstId: 1, lastId: 1, epoch: 'e' };
    for (const line of [{ heartbeatMs: 5_000 }, { ...page, events: [{ id: 1, timestamp: 2, ...event }] }]) {
      request.response.write(`${JSON.stringify(line)}\n`);
    }
    return undefined;
  };
  const client = clientOf(server, withToken(tokens()));
  const errors: unknown[] = [];
  client.on('error', (error: unknown) => errors.push(error));
  await emitted(client, 'a');
  expect(errors).toEqual([]);
  expect(server.requests.slice(0, 2).map(carried)).toEqual(['Bearer t1', 'Bearer t2']);
});

describe('options', () => {
  test.each([
    [{ token: '' }, 'Invalid token: expected a token, or a function that gives one, got string'],
    [{ token: 'a\nb' }, 'Invalid token: expected a token, or a function that gives one, got string'],
    [{ token: 7 }, 'Invalid token: expected a token, or a function that gives one, got number'],
    [{ token: 'a', secret: 'b' }, 'Invalid options: expected either secret or token, got both'],
    [{}, 'Invalid secret: expected a non-empty string, got undefined'],
  ])('%j', (options, message) => {
    expect(() => new Client('c', options as object)).toThrow(message);
  });

  test('go before the environment, and are those of an IndexerClient too', async () => {
    vi.stubEnv('API_SECRET', 'of the environment');
    const server = (await startServer()).script(json('OK'), events(1));
    const url = `http://127.0.0.1:${server.port}`;
    await new IndexerClient({ url, token: 'a.b.c' }).createIndex('i', 'a', 'data.x');
    const client = Client.fromEnv('c', { url, token: 'a.b.c', closeTimeoutMs: 0 });
    await client.getLatestEvents('a');
    await client.close();
    vi.unstubAllEnvs();
    expect(server.requests.map(carried)).toEqual(['Bearer a.b.c', 'Bearer a.b.c']);
  });
});

describe('with a real server', () => {
  const SECRET = 'a secret of tokens that has at least 32 bytes';
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const mint = (seconds: number) => {
    const claims = {
      ...{ iss: 'ganomede-events', aud: 'ganomede-events', exp: Date.now() / 1_000 + seconds },
      authorization_details: [
        { type: 'ganomede-events', actions: ['publish', 'read', 'work'], channels: ['a', 'b'] },
      ],
    };
    const input = `${part({ alg: 'HS256' })}.${part(claims)}`;
    return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
  };

  test('handlers, streams and workers go on while tokens come and go, and lose nothing', async () => {
    const store = await openMemoryStore();
    const app = buildApp({ store, config: { apiSecret: 'secret', tokenSecret: SECRET } });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    let given = 0;
    const token = () => {
      given += 1;
      return mint(0.7);
    };
    const client = new Client('reader', { url, token });
    const errors: unknown[] = [];
    client.on('error', (error: unknown) => errors.push(error));
    const seen: Record<string, number[]> = { handler: [], stream: [], worker: [] };
    client.on('a', ({ id }) => void seen.handler?.push(id));
    const worker = client.work('a', { group: 'g' }, ({ id }) => void seen.worker?.push(id));
    worker.on('error', (error) => errors.push(error));
    const streaming = (async () => {
      for await (const { id } of client.stream('b')) seen.stream?.push(id);
    })();
    cleanUp(async () => {
      await client.close();
      await streaming;
      await app.close();
      await store.close();
    });
    let sent = 0;
    while (given < 4) {
      await Promise.all([client.send('a', event), client.send('b', event)]);
      sent += 1;
    }
    const all = Array.from({ length: sent }, (_, i) => i + 1);
    await vi.waitUntil(() => Object.values(seen).every(({ length }) => length >= sent), { timeout: 15_000 });
    expect(seen).toEqual({ handler: all, stream: all, worker: all });
    expect(errors).toEqual([]);
    await expect(client.send('c', event)).rejects.toMatchObject({
      code: 'InsufficientScope',
      statusCode: 403,
    });
  });
});
