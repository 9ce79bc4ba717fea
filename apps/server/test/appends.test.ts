import type { EventHeader } from '@ganomede/events-protocol';
import { buildApp } from '@ganomede/events-server';
import type { EventStore } from '@ganomede/events-store';
import { openMemoryStore } from '@ganomede/events-store/memory';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../src/process/logger.js';
import { BEARER, json, randomChannel, SECRET, startServer, type TestServer } from './support/server.js';

interface Result {
  readonly headers?: EventHeader[];
  readonly error?: { readonly code: string; readonly message: string };
}

const event = (n: number, type = 'add') => ({ from: 'test', type, data: { n } });

const post = (server: Pick<TestServer, 'fetch'>, appends: unknown, more: object = {}) =>
  server.fetch('/appends', json({ clientId: 'publisher', appends, ...more }));

async function resultsOf(response: Response): Promise<Result[]> {
  expect(response.status).toBe(200);
  return ((await response.json()) as { results: Result[] }).results;
}

const ids = (results: readonly Result[]) => results.map(({ headers }) => headers?.map(({ id }) => id));

describe('POST /appends', () => {
  it('stores each append whole, those of one channel in the order in which they stand', async () => {
    const server = await startServer();
    const [a, b] = [randomChannel(), randomChannel()];
    const results = await resultsOf(
      await post(server, [
        { channel: a, events: [event(1), event(2)] },
        { channel: b, events: [event(1)] },
        { channel: `${a}:sub`, events: [event(3, 'drop')] },
        { channel: a, events: [event(4)], key: 'k' },
      ]),
    );
    expect(ids(results)).toEqual([[1, 2], [1], [3], [4]]);
    for (const { headers } of results) {
      for (const header of headers ?? []) expect(Object.keys(header)).toEqual(['id', 'timestamp']);
    }
    const stored = await server.read(a, { after: 0 });
    expect(stored.map(({ data }) => data)).toEqual([1, 2, 3, 4].map((n) => ({ n })));
    expect(await server.read(`${a}:sub`, { after: 0 })).toHaveLength(1);
    const metrics = await (await fetch(`${server.origin}/metrics`)).text();
    expect(metrics).toMatch(/^events_published_total 5$/m);
  });

  it('answers an append under a key that was used as the first time', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const append = (n: number, key: string) => ({ channel, events: [event(n)], key });
    const first = await resultsOf(await post(server, [append(1, 'a'), append(2, 'b'), append(1, 'a')]));
    expect(ids(first)).toEqual([[1], [2], [1]]);
    const again = await resultsOf(await post(server, [append(2, 'b'), append(3, 'c'), append(4, 'a')]));
    expect(again.slice(0, 2)).toEqual([first[1], { headers: [expect.objectContaining({ id: 3 })] }]);
    expect(again[2]?.error?.code).toBe('IdempotencyKeyReused');
    const single = await server.fetch('/events', {
      ...json({ clientId: 'publisher', channel, ...event(2) }),
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'b' },
    });
    expect(await single.json(), 'the keys are those of POST /events').toMatchObject(
      first[1]?.headers?.[0] ?? {},
    );
  });

  it.each([
    [null, /^Invalid body: expected a JSON object, got null/],
    ['x', /^Invalid body: expected a JSON object, got "x"/],
    [{}, /^Invalid Channel: expected .*, got nothing/],
    [{ channel: '', events: [event(1)] }, /^Invalid Channel/],
    [{ channel: 'a'.repeat(257), events: [event(1)] }, /^Invalid Channel/],
    [{ channel: 'a' }, /^Invalid events: expected an array of 1 to 1000 events, got nothing/],
    [{ channel: 'a', events: [] }, /^Invalid events/],
    [
      { channel: 'a', events: [event(1), { from: 'f' }] },
      /^Invalid type in events\/1: expected a non-empty string/,
    ],
    [{ channel: 'a', events: [{ ...event(1), data: 7 }] }, /^Invalid data/],
    [{ channel: 'a', events: [event(1)], key: '' }, /^Invalid key: expected its idempotency key/],
  ])('refuses %j by itself', async (entry, message) => {
    const server = await startServer();
    const channel = randomChannel();
    const good = { channel, events: [event(1)] };
    const results = await resultsOf(await post(server, [good, entry, good]));
    expect(ids(results)).toEqual([[1], undefined, [2]]);
    expect(results[1]).toEqual({
      error: { code: 'InvalidContent', message: expect.stringMatching(message) },
    });
  });

  it.each<[string, unknown, number, RegExp]>([
    ['no appends', undefined, 400, /^Invalid appends: expected an array of appends, .*, got nothing/],
    ['none of them', [], 400, /^Invalid appends/],
    ['something else', { channel: 'a' }, 400, /^Invalid appends: .*, got an object/],
    [
      'more than 1,000 appends',
      Array.from({ length: 1_001 }, () => 0),
      413,
      /^Invalid appends: expected at most 1000 events in all, got 1001/,
    ],
    [
      'more than 1,000 events',
      [1, 1_000].map((count) => ({ channel: 'a', events: Array.from({ length: count }, () => event(1)) })),
      413,
      /got 1001/,
    ],
  ])('is refused with %s, and stores nothing', async (_what, appends, status, message) => {
    const server = await startServer();
    const response = await post(server, appends);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ message: expect.stringMatching(message) });
    expect(await server.store.latest({ channel: 'a', limit: 1 })).toMatchObject({ lastId: 0 });
  });

  it('is refused without a client id, without the secret, and when too large', async () => {
    const server = await startServer({ maxBodyBytes: 1_000 });
    const appends = [{ channel: 'a', events: [event(1)] }];
    expect((await post(server, appends, { clientId: '' })).status).toBe(400);
    expect((await fetch(`${server.origin}/events/v1/appends`, json({ clientId: 'c', appends }))).status).toBe(
      401,
    );
    expect((await post(server, appends, { padding: 'x'.repeat(1_000) })).status).toBe(413);
    expect((await server.fetch('/appends')).status).toBe(405);
  });

  it('tells of each append whether the store has failed, and the log says so once', async () => {
    const store = await openMemoryStore();
    const log: string[] = [];
    const failing = new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (name !== 'append') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<EventStore['append']>) => {
          if (args[0] === 'bug') throw new TypeError('secret details');
          if (args[0] === 'away') await store.close();
          return store.append(...args);
        };
      },
    });
    const app = buildApp({
      store: failing,
      config: { apiSecret: SECRET },
      logger: createLogger('error', { write: (line) => void log.push(line) }, [SECRET]),
    });
    onTestFinished(() => app.close());
    const payload = {
      clientId: 'c',
      appends: ['good', 'bug', 'away', 'away'].map((channel) => ({ channel, events: [event(1)] })),
    };
    const { statusCode, body } = await app.inject({
      method: 'POST',
      url: '/events/v1/appends',
      headers: BEARER,
      payload,
    });
    expect(statusCode).toBe(200);
    const { results } = JSON.parse(body) as { results: Result[] };
    expect(ids(results.slice(0, 1))).toEqual([[1]]);
    expect(results.slice(1).map(({ error }) => error?.code)).toEqual([
      'Internal',
      'ServiceUnavailable',
      'ServiceUnavailable',
    ]);
    expect(body).not.toContain('secret details');
    expect(log.filter((line) => line.includes('secret details'))).toHaveLength(1);
    expect(log.filter((line) => line.includes('ServiceUnavailable'))).toHaveLength(1);
  });
});
