import { request } from 'node:http';
import { connect } from 'node:net';
import type { EventHeader } from '@ganomede/events-protocol';
import { buildApp } from '@ganomede/events-server';
import type { EventStore } from '@ganomede/events-store';
import { createRedisStore } from '@ganomede/events-store-redis';
import { RedisServer } from '@ganomede/events-testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLogger } from '../src/process/logger.js';
import { BEARER, json, randomChannel, SECRET, startServer, waitingPolls } from './support/server.js';

describe('POST /events', () => {
  it('answers the stored event, its header first', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const before = Date.now();
    const response = await server.fetch(
      '/events',
      json({
        clientId: 'c',
        channel,
        from: 'users/v1',
        type: 'add',
        data: { a: [1] },
        id: 99,
        timestamp: 1,
        other: 'x',
      }),
    );
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('x-request-id')).toBeTruthy();
    const event = (await response.json()) as EventHeader;
    expect(Object.keys(event)).toEqual(['id', 'timestamp', 'from', 'type', 'data']);
    expect(event).toEqual({
      id: 1,
      timestamp: expect.any(Number),
      from: 'users/v1',
      type: 'add',
      data: { a: [1] },
    });
    expect(event.timestamp).toBeGreaterThanOrEqual(before);
    expect(await server.read(channel)).toEqual([event]);
  });

  it('answers the header alone if that is preferred', async () => {
    const server = await startServer();
    const init = json({ clientId: 'c', channel: randomChannel(), from: 'f', type: 't', data: { a: 1 } });
    const headers = { ...init.headers, Prefer: 'return=minimal' };
    const answer = await (await server.fetch('/events', { ...init, headers })).json();
    expect(answer).toEqual({ id: 1, timestamp: expect.any(Number) });
  });

  it.each([5, 'text', null, { 0: {} }])('ignores a field events that is %j', async (events) => {
    const server = await startServer();
    const init = json({ clientId: 'c', channel: randomChannel(), from: 'f', type: 't', events });
    const response = await server.fetch('/events', init);
    expect([response.status, await response.json()]).toEqual([
      200,
      { id: 1, timestamp: expect.any(Number), from: 'f', type: 't' },
    ]);
  });

  it('leaves out data that was not given', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    expect(Object.keys((await server.read(channel))[0] ?? {})).toEqual(['id', 'timestamp', 'from', 'type']);
  });

  it('accepts a form, with data as JSON text', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const form = new URLSearchParams({
      clientId: 'c',
      channel,
      secret: SECRET,
      from: 'f',
      type: 't',
      data: '{"n":1}',
    });
    const response = await fetch(`${server.origin}/events/v1/events`, { method: 'POST', body: form });
    expect(response.status).toBe(200);
    expect(await server.read(channel)).toMatchObject([{ id: 1, from: 'f', type: 't', data: { n: 1 } }]);
  });

  it('stores the fields of a form that lie in data', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const fields = `clientId=c&channel=${channel}&secret=${encodeURIComponent(SECRET)}&from=f&type=t`;
    const body = `${fields}&data[user][name]=%C3%A9+x&data%5Btags%5D%5B%5D=a&data[tags][]=b`;
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const response = await fetch(`${server.origin}/events/v1/events`, { method: 'POST', headers, body });
    expect(response.status).toBe(200);
    const [event] = await server.read(channel);
    expect(event?.data).toEqual({ user: { name: 'é x' }, tags: ['a', 'b'] });
  });

  it('accepts JSON that curl -d calls a form', async () => {
    const server = await startServer();
    const response = await server.fetch('/events', {
      ...json({ clientId: 'c', channel: randomChannel(), from: 'f', type: 't' }),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect(response.status).toBe(200);
  });

  it('files events of a typed channel under one sequence of ids', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    await server.publish(`${channel}:remove`);
    await server.publish(`${channel}:add`);
    expect((await server.read(`${channel}:add`)).map(({ id }) => id)).toEqual([1, 3]);
    expect((await server.read(channel)).map(({ id }) => id)).toEqual([1, 2, 3]);
  });
});

describe('GET /events', () => {
  it('answers events after a cursor, at most limit, with the bounds of the channel', async () => {
    const server = await startServer({ maxLimit: 4 });
    const channel = randomChannel();
    for (let i = 0; i < 6; i++) await server.publish(channel);
    expect((await server.read(channel, { after: 2, limit: 3 })).map(({ id }) => id)).toEqual([3, 4, 5]);
    const params = new URLSearchParams({ clientId: 'c', channel, after: '0', limit: '1000' });
    const response = await server.fetch(`/events?${params}`);
    expect(response.headers.get('events-first-id')).toBe('1');
    expect(response.headers.get('events-last-id')).toBe('6');
    expect(await response.json(), 'limit above MAX_LIMIT').toHaveLength(4);
  });

  it('saves after as the cursor of the consumer, even backwards, and uses it where there is none', async () => {
    const server = await startServer();
    const channel = randomChannel();
    for (let i = 0; i < 5; i++) await server.publish(channel);
    const ids = async (query: Record<string, string | number>) =>
      (await server.read(channel, { timeout: 0, ...query })).map(({ id }) => id);
    expect(await ids({})).toEqual([1, 2, 3, 4, 5]);
    expect(await ids({ after: 3 })).toEqual([4, 5]);
    expect(await ids({})).toEqual([4, 5]);
    expect(await ids({ clientId: 'somebody else' })).toEqual([1, 2, 3, 4, 5]);
    expect(await ids({ after: 1, limit: 1 })).toEqual([2]);
    expect(await ids({})).toEqual([2, 3, 4, 5]);
  });

  it.each([
    [undefined, '', 5_000],
    [undefined, '&timeout=29000', 29_000],
    [undefined, '&timeout=999999', 30_000],
    [7_000, '', 7_000],
    [7_000, '&timeout=8000', 7_000],
    [0, '', 0],
  ])('with POLL_TIMEOUT %j and %j it waits %i ms', async (pollTimeoutMs, query, expected) => {
    const server = await startServer({ pollTimeoutMs } as object);
    const channel = randomChannel();
    const polls = vi.spyOn(server.store, 'start');
    const reading = server.fetch(`/events?clientId=c&channel=${channel}&after=0${query}`);
    if (expected > 0) await waitingPolls(server.store, 1);
    else expect(await (await reading).json()).toEqual([]);
    expect(polls.mock.calls.map(([{ timeoutMs }]) => timeoutMs)).toEqual([expected]);
    await server.publish(channel);
    expect((await reading).status).toBe(200);
  });

  it('waits for the next event and wakes every request that waits', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const polls = Array.from({ length: 50 }, (_, i) => server.read(channel, { clientId: `c${i}`, after: 0 }));
    await waitingPolls(server.store, 50);
    const header = await server.publish(channel, { text: 'héllo 😀' });
    for (const events of await Promise.all(polls)) {
      expect(events).toEqual([{ ...header, from: 'test', type: 'add', data: { text: 'héllo 😀' } }]);
    }
  });

  it('answers an empty list after timeout milliseconds, never more than the server allows', async () => {
    const server = await startServer({ pollTimeoutMs: 60 });
    expect(await server.read(randomChannel(), { timeout: 0 })).toEqual([]);
    expect(await server.read(randomChannel(), { timeout: 20 })).toEqual([]);
    expect(await server.read(randomChannel(), { timeout: 1e9 })).toEqual([]);
    expect(await server.read(randomChannel())).toEqual([]);
  });

  it('forgets a request whose client hangs up', async () => {
    const server = await startServer();
    const poll = request(`${server.origin}/events/v1/events?clientId=c&channel=${randomChannel()}`, {
      headers: BEARER,
    });
    poll.on('error', () => undefined);
    poll.end();
    await waitingPolls(server.store, 1);
    poll.destroy();
    await waitingPolls(server.store, 0);
  });

  it('answers waiting polls when the server stops, and closes their connections', async () => {
    const server = await startServer();
    const poll = server.fetch(`/events?clientId=c&channel=${randomChannel()}`);
    await waitingPolls(server.store, 1);
    const closed = server.app.close();
    const response = await poll;
    expect(response.status).toBe(200);
    expect(response.headers.get('connection')).toBe('close');
    expect(await response.json()).toEqual([]);
    await closed;
  });
});

it('answers 503 with Retry-After if too many polls wait', async () => {
  const server = await startServer({ maxWaitingPolls: 2 });
  const channel = randomChannel();
  const polls = [server.read(channel), server.read(channel)];
  await waitingPolls(server.store, 2);
  const response = await server.fetch(`/events?clientId=c&channel=${channel}`);
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(await response.json()).toEqual({
    code: 'ServiceUnavailable',
    message: 'This server already has 2 waiting polls, its limit (MAX_WAITING_POLLS)',
  });
  await server.publish(channel);
  for (const events of await Promise.all(polls)) expect(events).toHaveLength(1);
});

it('forgets requests that waited behind another on a connection that closes', async () => {
  const server = await startServer({ maxWaitingPolls: 20 });
  const poll = `GET /events/v1/events?clientId=c&channel=${randomChannel()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${SECRET}\r\n\r\n`;
  const sockets = Array.from({ length: 2 }, () => connect(server.port, '127.0.0.1'));
  for (const socket of sockets) socket.write(poll.repeat(10));
  await waitingPolls(server.store, 20);
  expect((await server.fetch('/events?clientId=c&channel=x')).status).toBe(503);
  for (const socket of sockets) socket.destroy();
  await waitingPolls(server.store, 0);
  expect(await server.read('x', { timeout: 0 })).toEqual([]);
});

it('takes a setting that is undefined as one that is missing, but not a secret', async () => {
  const server = await startServer({ pollTimeoutMs: undefined, maxLimit: undefined } as object);
  expect(await server.read(randomChannel(), { timeout: 10 })).toEqual([]);
  const app = buildApp({ store: server.store, config: { apiSecret: '' } });
  await expect(app.ready()).rejects.toThrow('Invalid apiSecret: expected a non-empty string');
});

it('ends a poll that waits where its cursor cannot be saved, with one answer', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const store = await createRedisStore({ url: redis.url });
  onTestFinished(() => store.close());
  const log: string[] = [];
  const logger = createLogger('trace', { write: (line) => void log.push(line) }, [SECRET]);
  const late = new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name !== 'saveCursor') return typeof value === 'function' ? value.bind(target) : value;
      return async (...args: Parameters<EventStore['saveCursor']>) => {
        await waitingPolls(store, 1);
        return store.saveCursor(...args);
      };
    },
  });
  const app = buildApp({ store: late, config: { apiSecret: SECRET }, logger });
  onTestFinished(() => app.close());
  await redis.admin.set('events:{taken}:cursors', 'no hash');
  const url = '/events/v1/events?clientId=c&channel=taken&after=0&epoch=1-1-a-0';
  const response = await app.inject({ method: 'GET', url, headers: BEARER });
  expect([response.statusCode, response.json().code]).toEqual([503, 'ServiceUnavailable']);
  expect(store.waiting).toBe(0);
  expect(log.join('')).not.toMatch(/already sent/);
});
