// The lines of the protocol, over HTTP, that no other test has; docs/compatibility.md lists them all.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Event } from '@ganomede/events-protocol';
import { buildApp } from '@ganomede/events-server';
import type { EventStore } from '@ganomede/events-store';
import { createRedisStore } from '@ganomede/events-store-redis';
import { freePort, RedisServer } from '@ganomede/events-testing';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startProcess } from './support/process.js';
import { BEARER, json, randomChannel, SECRET, startServer, type TestServer } from './support/server.js';

const encoded = encodeURIComponent(SECRET);

afterEach(() => {
  vi.useRealTimers();
});

const ids = (events: Event[]) => events.map(({ id }) => id);

/** A number of events `{ name }`, stored at once. */
async function fill(server: TestServer, channel: string, names: unknown[]): Promise<void> {
  await server.store.append(
    channel,
    names.map((name) => ({ from: 'test', type: 'add', data: { name } })),
  );
}

async function expectError(
  response: Response,
  status: number,
  code: string,
  message: RegExp = /./,
): Promise<void> {
  expect([response.status, await response.json()]).toEqual([
    status,
    { code, message: expect.stringMatching(message) },
  ]);
}

describe('authentication', () => {
  it('a right header counts, whatever the body and the query say', async () => {
    const server = await startServer();
    const event = { clientId: 'c', channel: randomChannel(), from: 'f', type: 't', secret: 'wrong' };
    expect((await server.fetch('/events?secret=wrong', json(event))).status).toBe(200);
  });

  it('is asked for by every route with events, before anything else is checked', async () => {
    const server = await startServer();
    for (const path of ['/events', '/latest', '/indices', '/indices/unknown/value']) {
      const response = await fetch(`${server.origin}/events/v1${path}`);
      await expectError(response, 401, 'InvalidCredentialsError', /^Invalid credentials$/);
    }
    for (const path of ['/events', '/indices']) {
      const response = await fetch(`${server.origin}/events/v1${path}`, json({}));
      await expectError(response, 401, 'InvalidCredentialsError', /^Invalid credentials$/);
    }
    await expectError(await fetch(`${server.origin}/latest`), 401, 'InvalidCredentialsError');
    for (const path of [`/latest?secret=${encoded}`, `/events?secret=${encoded}`]) {
      await expectError(await fetch(`${server.origin}/events/v1${path}`), 400, 'InvalidContent');
    }
  });
});

describe('reading', () => {
  it('gives a hundred events where there is no limit', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await fill(server, channel, Array(150).fill('x'));
    const read = await server.read(channel, { after: 0 });
    expect(ids(read)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    const latest = await server.fetch(`/latest?channel=${channel}`);
    expect(ids((await latest.json()) as Event[])).toEqual(Array.from({ length: 100 }, (_, i) => i + 51));
  });

  it('waits for its whole time where nothing comes', async () => {
    const server = await startServer({ pollTimeoutMs: 400 });
    const started = performance.now();
    expect(await server.read(randomChannel(), { after: 0 })).toEqual([]);
    expect(performance.now() - started).toBeGreaterThan(380);
  });

  it('tells the bounds of a channel without events', async () => {
    const server = await startServer();
    for (const path of [`/events?clientId=c&timeout=0&channel=`, '/latest?channel=']) {
      const response = await server.fetch(path + randomChannel());
      expect(response.headers.get('events-first-id')).toBe('0');
      expect(response.headers.get('events-last-id')).toBe('0');
    }
  });
});

describe.each(['/events/v1/latest', '/latest'])('%s', (path) => {
  it('gives the newest events, ascending, page by page to the oldest', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await fill(server, channel, Array(7).fill('x'));
    const page = async (query: string) => {
      const response = await fetch(`${server.origin}${path}?channel=${channel}&limit=3${query}`, {
        headers: BEARER,
      });
      expect(response.status).toBe(200);
      return ids((await response.json()) as Event[]);
    };
    expect(await page('')).toEqual([5, 6, 7]);
    expect(await page('&before=5')).toEqual([2, 3, 4]);
    expect(await page('&before=2')).toEqual([1]);
    expect(await page('&before=1')).toEqual([]);
  });

  it('answers an unknown channel at once, and gives at most MAX_LIMIT events', async () => {
    const server = await startServer({ maxLimit: 4 });
    const started = performance.now();
    const get = async (query: string) => {
      const response = await fetch(`${server.origin}${path}?secret=${encoded}&${query}`);
      return (await response.json()) as Event[];
    };
    expect(await get(`channel=${randomChannel()}`)).toEqual([]);
    expect(performance.now() - started).toBeLessThan(5_000);
    const channel = randomChannel();
    await fill(server, channel, Array(9).fill('x'));
    expect(await get(`channel=${channel}&limit=9`)).toHaveLength(4);
  });
});

/** Reads an index: the answer's body, or the response where it is an error. */
const readIndex = async (server: TestServer, path: string) => {
  const response = await server.fetch(`/indices/${path}`);
  expect(response.status).toBe(200);
  return (await response.json()) as { id: string; field: string; value: string; rows: Event[] };
};

describe('indices', () => {
  it('find the events of before and after their definition by strings, numbers and booleans, newest first', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await fill(server, channel, ['alice', 17, true, 'bob']);
    const definition = { id: 'names', channel, field: 'data.name', secret: SECRET };
    for (let i = 0; i < 2; i++) {
      const response = await fetch(`${server.origin}/events/v1/indices`, json(definition));
      expect([response.status, await response.text()]).toEqual([200, '"OK"']);
    }
    await fill(server, channel, ['alice', '17', 17.5, false, null, ['alice']]);
    for (const [value, expected] of [
      ['alice', [5, 1]],
      ['17', [6, 2]],
      ['17.5', [7]],
      ['true', [3]],
      ['false', [8]],
      ['null', []],
      ['carol', []],
    ] as const) {
      const { rows, ...rest } = await readIndex(server, `names/${value}`);
      expect(rest).toEqual({ id: 'names', field: 'data.name', value });
      expect([value, ids(rows)]).toEqual([value, expected]);
    }
    const { rows } = await readIndex(server, 'names/bob');
    expect(rows).toEqual([
      { id: 4, timestamp: expect.any(Number), from: 'test', type: 'add', data: { name: 'bob' } },
    ]);
  });

  it('are read page by page, at most MAX_LIMIT events at a time', async () => {
    const server = await startServer({ maxLimit: 4 });
    const channel = randomChannel();
    await fill(server, channel, Array(6).fill('x'));
    await server.fetch('/indices', json({ id: 'i', channel, field: 'data.name' }));
    const page = async (query: string) => ids((await readIndex(server, `i/x${query}`)).rows);
    expect(await page('')).toEqual([6, 5, 4, 3]);
    expect(await page('?limit=100')).toEqual([6, 5, 4, 3]);
    expect(await page('?limit=2')).toEqual([6, 5]);
    expect(await page('?limit=2&before=5')).toEqual([4, 3]);
    expect(await page('?before=3')).toEqual([2, 1]);
    expect(await page('?before=1')).toEqual([]);
    for (const query of ['limit=0', 'limit=abc', 'before=-1', 'before=1e3']) {
      const name = query.slice(0, query.indexOf('='));
      const response = await server.fetch(`/indices/i/x?${query}`);
      await expectError(response, 400, 'InvalidContent', new RegExp(`^Invalid ${name}: expected .*, got `));
    }
  });

  it('are answered at once where nothing is new', async () => {
    const server = await startServer({ pollTimeoutMs: 30_000 });
    const channel = randomChannel();
    await server.publish(channel);
    await server.fetch('/indices', json({ id: 'i', channel, field: 'data.name' }));
    const started = performance.now();
    for (let i = 0; i < 3; i++) expect((await readIndex(server, 'i/nobody')).rows).toEqual([]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('may be named like a channel, whose ids go on', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel, { name: 'x' });
    const definition = { id: channel, channel, field: 'data.name' };
    expect((await server.fetch('/indices', json(definition))).status).toBe(200);
    expect(await server.publish(channel, { name: 'x' })).toMatchObject({ id: 2 });
    expect(ids((await readIndex(server, `${encodeURIComponent(channel)}/x`)).rows)).toEqual([2, 1]);
    expect(ids(await server.read(channel, { after: 0 }))).toEqual([1, 2]);
  });

  it('are defined once: another definition is a conflict, and a bad one is told apart', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const definition = { id: 'i', channel, field: 'data.name' };
    expect((await server.fetch('/indices', json(definition))).status).toBe(200);
    for (const changed of [{ field: 'type' }, { channel: randomChannel() }]) {
      const response = await server.fetch('/indices', json({ ...definition, ...changed }));
      await expectError(response, 409, 'Conflict');
    }
    for (const [bad, message] of [
      [{ id: '' }, /^Invalid index ID/],
      [{ id: 7 }, /^Invalid index ID/],
      [{ id: undefined }, /^Invalid index ID/],
      [{ channel: '' }, /^Invalid Channel/],
      [{ field: '' }, /^Invalid field/],
      [{ field: ['type'] }, /^Invalid field/],
      [{ field: undefined }, /^Invalid field/],
    ] as const) {
      const response = await server.fetch('/indices', json({ ...definition, ...bad }));
      await expectError(response, 400, 'InvalidContent', message);
    }
    expect(await (await server.fetch('/indices')).json()).toEqual([definition]);
  });

  it('that are unknown are told so, and the process goes on', async () => {
    const server = await startProcess([], { API_SECRET: SECRET });
    const url = `${await server.listening()}/events/v1`;
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${url}/indices/unknown/value`, { headers: BEARER });
      await expectError(response, 404, 'ResourceNotFound');
    }
    expect(await (await fetch(`${url}/ping/still`)).json()).toBe('pong/still');
    expect(server.child.exitCode).toBeNull();
    expect(server.log.filter(({ msg }) => msg === 'listening')).toHaveLength(1);
  });
});

describe('a typed channel', () => {
  it('is read, polled, indexed and remembered as its events of one type', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const typed = `${channel}:removed`;
    for (const name of [channel, typed, channel, typed]) await server.publish(name, { name: 'x' });
    expect(ids(await server.read(typed, { after: 0 }))).toEqual([2, 4]);
    expect(ids(await server.read(typed, { after: 2, limit: 1 }))).toEqual([4]);
    expect(await server.store.loadCursor('reader', typed)).toMatchObject({ after: 2 });
    expect(await server.store.loadCursor('reader', channel)).toMatchObject({ after: 0 });
    const latest = await server.fetch(`/latest?channel=${encodeURIComponent(typed)}&limit=1`);
    expect(ids((await latest.json()) as Event[])).toEqual([4]);
    await server.fetch('/indices', json({ id: 'i', channel: typed, field: 'data.name' }));
    expect(ids((await readIndex(server, 'i/x')).rows)).toEqual([4, 2]);

    const poll = server.read(typed, { after: 4 });
    await expect.poll(() => server.store.waiting).toBe(1);
    await server.publish(channel);
    await server.publish(typed);
    expect(ids(await poll)).toEqual([6]);
  });
});

describe('several events in one publish', () => {
  it('are stored with consecutive ids, or none of them', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const event = { from: 'f', type: 't' };
    const publish = (events: unknown) => server.fetch('/events', json({ clientId: 'c', channel, events }));
    const headers = (await (await publish([event, event, event])).json()) as Event[];
    expect(ids(headers)).toEqual([1, 2, 3]);
    for (const [events, message] of [
      [[event, { ...event, type: '' }], /^Invalid type in events\/1: /],
      [[event, { ...event, data: 'text' }], /^Invalid data in events\/1: /],
      [[], /^Invalid events: /],
      [Array(1_001).fill(event), /^Invalid events: /],
    ] as const) {
      await expectError(await publish(events), 400, 'InvalidContent', message);
    }
    expect(ids(await server.read(channel, { after: 0 }))).toEqual([1, 2, 3]);
  });
});

describe('an Idempotency-Key', () => {
  it('stores a publish once, however often and at whatever time it is sent', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const publish = (clientId: string, data: object, key = 'key') => {
      const init = json({ clientId, channel, from: 'f', type: 't', data });
      return server.fetch('/events', {
        ...init,
        headers: { ...(init.headers as object), 'Idempotency-Key': key },
      });
    };
    const responses = await Promise.all(Array.from({ length: 10 }, () => publish('a', { n: 1 })));
    const texts = await Promise.all(responses.map((response) => response.text()));
    expect(new Set(texts).size).toBe(1);
    expect(JSON.parse(texts[0] as string)).toMatchObject({ id: 1 });
    await expectError(await publish('a', { n: 2 }), 422, 'IdempotencyKeyReused');
    expect(await (await publish('b', { n: 1 })).json()).toMatchObject({ id: 2 });
    expect(await (await publish('a', { n: 1 }, 'other')).json()).toMatchObject({ id: 3 });
    await expectError(await publish('a', { n: 1 }, 'x'.repeat(256)), 400, 'InvalidContent');
    expect(ids(await server.read(channel, { after: 0 }))).toEqual([1, 2, 3]);
  });
});

it('an event stream has a comment every 15 seconds', async () => {
  const server = await startServer();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const controller = new AbortController();
  const response = await server.fetch(`/events?clientId=c&channel=${randomChannel()}`, {
    headers: { Accept: 'text/event-stream' },
    signal: controller.signal,
  });
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  expect((await reader.read()).value).toBe('retry: 1000\n\n');
  for (let i = 0; i < 2; i++) {
    vi.advanceTimersByTime(15_000);
    expect((await reader.read()).value).toBe(':\n\n');
  }
  controller.abort();
  await expect.poll(() => server.store.waiting).toBe(0);
});

describe('every answer', () => {
  it('has an X-Request-Id, and JSON where it has a body', async () => {
    const server = await startServer({ corsOrigin: '*' });
    const event = { clientId: 'c', channel: randomChannel(), from: 'f', type: 't' };
    const post = (body: string, type: string) => ({
      method: 'POST',
      headers: { 'Content-Type': type },
      body,
    });
    const requests: [number, string, RequestInit?][] = [
      [200, '/events', json(event)],
      [200, '/events?clientId=c&channel=x&timeout=0'],
      [200, '/latest?channel=x'],
      [200, '/indices'],
      [200, '/ping/x'],
      [200, '/about'],
      [200, '/openapi.json'],
      [400, '/events', post('nonsense', 'application/json')],
      [400, '/ping/%zz'],
      [401, '/events', { headers: { Authorization: 'none' } }],
      [404, '/nothing'],
      [404, '/indices/unknown/x'],
      [405, '/events', { method: 'DELETE' }],
      [413, '/events', post('x'.repeat(1_100_000), 'application/json')],
      [415, '/events', post('x', 'text/plain')],
    ];
    for (const [status, path, init] of requests) {
      const response = await server.fetch(path, init);
      expect([path, response.status]).toEqual([path, status]);
      expect(response.headers.get('x-request-id'), path).toBeTruthy();
      expect(response.headers.get('content-type'), path).toBe('application/json; charset=utf-8');
      await response.arrayBuffer();
    }
    const others: [string, RequestInit][] = [
      ['/about', {}],
      ['/health/live', {}],
      ['/health/ready', {}],
      ['/metrics', {}],
      ['/nothing', {}],
      ['/events/v1/docs', {}],
      ['/events/v1/ping/x', { method: 'HEAD' }],
      [
        '/events/v1/events',
        { method: 'OPTIONS', headers: { Origin: 'http://x', 'Access-Control-Request-Method': 'POST' } },
      ],
    ];
    for (const [path, init] of others) {
      const response = await fetch(server.origin + path, init);
      expect(response.headers.get('x-request-id'), path).toBeTruthy();
      await response.arrayBuffer();
    }
  });

  it('to what nobody expected is 500, and tells nothing of it', async () => {
    const { store } = await startServer();
    const failing = new Proxy<EventStore>(store, {
      get: (target, name) => {
        if (name === 'latest') return () => Promise.reject(new Error('at /some/where with a password'));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const app = buildApp({ store: failing, config: { apiSecret: SECRET } });
    onTestFinished(() => app.close());
    const response = await app.inject({ url: '/events/v1/latest?channel=x', headers: BEARER });
    expect([response.statusCode, response.json()]).toEqual([
      500,
      { code: 'Internal', message: 'Internal error' },
    ]);
    expect(response.headers['x-request-id']).toBeTruthy();
  });

  it('is 503 with Retry-After while Redis is away, and is right again when it is back', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    const store = await createRedisStore({ url: redis.url });
    onTestFinished(() => store.close());
    const app = buildApp({ store, config: { apiSecret: SECRET } });
    onTestFinished(() => app.close());
    const publish = {
      method: 'POST' as const,
      url: '/events/v1/events',
      payload: { clientId: 'c', channel: 'away', from: 'f', type: 't' },
      headers: BEARER,
    };
    const get = (url: string) => ({ method: 'GET' as const, url: `/events/v1${url}`, headers: BEARER });
    const requests = [
      publish,
      get('/events?clientId=c&channel=away'),
      get('/events?clientId=c&channel=away&after=0'),
      get('/latest?channel=away'),
      get('/indices'),
      get('/indices/i/x'),
    ];
    expect((await app.inject(publish)).statusCode).toBe(200);
    await redis.kill();
    for (const request of requests) {
      const response = await app.inject(request);
      expect([request.url, response.statusCode, response.json()]).toEqual([
        request.url,
        503,
        {
          code: 'ServiceUnavailable',
          message: expect.stringMatching(/^The event store is away or cannot write\. /),
        },
      ]);
      expect(response.headers['retry-after']).toBe('1');
    }
    await redis.restart();
    await expect.poll(async () => (await app.inject(publish)).statusCode, { interval: 100 }).toBe(200);
  });
});

it('a server that stops is not ready, and still lives', async () => {
  const server = await startProcess([], { API_SECRET: SECRET, METRICS_PORT: '0', METRICS_HOST: '127.0.0.1' });
  const url = new URL(await server.listening());
  const operations = server.log.find(({ msg }) => msg === 'health and metrics')?.url as string;
  const status = async (path: string) => (await fetch(operations + path)).status;
  expect(await status('/health/ready')).toBe(200);

  // A publish whose body is still on its way holds up the end.
  const body = JSON.stringify({ clientId: 'c', secret: SECRET, channel: 'stopping', from: 'f', type: 't' });
  const socket = connect(Number(url.port), url.hostname);
  socket.write(
    `POST /events/v1/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  await once(socket, 'data');
  server.child.kill('SIGTERM');
  await expect.poll(() => status('/health/ready')).toBe(503);
  expect(await status('/health/live')).toBe(200);
  socket.resume().end(body);
  expect(await server.exited()).toBe(0);
});

describe('the environment', () => {
  it('sets host, port, poll timeout, log level and typed channels, and is not in the log', async () => {
    const port = await freePort();
    const server = await startProcess(['--store', 'embedded'], {
      API_SECRET: SECRET,
      HOST: '127.0.0.1',
      PORT: `${port}`,
      POLL_TIMEOUT: '300',
      LOG_LEVEL: 'debug',
      TYPED_CHANNELS: 'off',
      SOMETHING_ELSE: 'not for anybody',
    });
    const url = await server.listening();
    expect(url).toBe(`http://127.0.0.1:${port}`);
    const event = { clientId: 'c', secret: SECRET, from: 'f', type: 'b' };
    for (const channel of ['a', 'a:b', 'a:b']) {
      expect((await fetch(`${url}/events/v1/events`, json({ ...event, channel }))).status).toBe(200);
    }
    const read = async (query: string) => {
      const response = await fetch(`${url}/events/v1/events?clientId=c&secret=${encoded}&${query}`);
      return ids((await response.json()) as Event[]);
    };
    expect([await read('channel=a'), await read('channel=a:b')]).toEqual([[1], [1, 2]]);
    const started = performance.now();
    expect(await read('channel=a&after=1')).toEqual([]);
    expect(performance.now() - started).toBeGreaterThan(280);
    expect(performance.now() - started).toBeLessThan(10_000);
    await expect
      .poll(() => server.log)
      .toContainEqual(expect.objectContaining({ level: 20, msg: 'request', path: '/events/v1/events' }));
    for (const text of [SECRET, encoded, 'secret=', 'not for anybody']) {
      expect(server.stdout + server.stderr).not.toContain(text);
    }
  });
});

it('docs/compatibility.md names tests that exist', async () => {
  const root = new URL('../../../', import.meta.url);
  const page = await readFile(new URL('docs/compatibility.md', root), 'utf8');
  const named = [...page.matchAll(/\[[^\]]+\]\(\.\.\/([^)]+\.ts)\) “([^”]+)”/g)];
  for (const [, file = '', title = ''] of named) {
    expect(await readFile(new URL(file, root), 'utf8'), `${file} has “${title}”`).toContain(title);
  }
  expect(named.length).toBeGreaterThan(80);
  const rows = page.split('\n').filter((line) => /^\| (?!---|line\b|fault\b|addition\b)/.test(line));
  for (const row of rows) expect(row, 'a line without a test').toMatch(/\.ts\) “/);
});
