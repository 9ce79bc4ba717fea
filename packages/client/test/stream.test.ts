import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { RequestError } from '../src/index.js';
import { eventOf, events, type HostileServer, hang, held, json, reset, text } from './hostile-server.js';
import { clientOf, recordOf, startServer } from './setup.js';

const limits = { closeTimeoutMs: 2000 };
const afters = (server: HostileServer) => server.requests.map(({ query }) => query.get('after'));

test('gives the events in order, each acknowledged only when the loop has come back', async () => {
  const server = (await startServer()).script(events(1, 2), events(5));
  const client = clientOf(server);
  const stream = client.stream('a');
  expect(await stream.next()).toEqual({ done: false, value: eventOf(1) });
  expect(await stream.next()).toEqual({ done: false, value: eventOf(2) });
  expect(afters(server)).toEqual([null]);
  expect((await stream.next()).value?.id).toBe(5);
  expect(afters(server)).toEqual([null, '2']);
});

test('a slow loop makes no request', async () => {
  const server = (await startServer()).script(events(1, 2), events(3));
  const client = clientOf(server);
  const stream = client.stream('a');
  await stream.next();
  await sleep(30);
  await stream.next();
  await sleep(30);
  expect(server.requests).toHaveLength(1);
  await stream.next();
  expect(server.requests).toHaveLength(2);
});

test('makes no request before it is read', async () => {
  const server = await startServer();
  const client = clientOf(server);
  client.stream('a');
  client.on('a', () => {});
  await server.request(1);
  expect(server.requests).toHaveLength(1);
});

test('begins where it is told, with the limit that it is told', async () => {
  const server = (await startServer()).script(events(1));
  const client = clientOf(server, { limit: 50 });
  await client.stream('a', { after: 0, limit: 7 }).next();
  const { query } = await server.request(1);
  expect([query.get('after'), query.get('limit'), query.get('timeout')]).toEqual(['0', '7', '30000']);
});

test.each([
  ['', {}, /^Invalid channel/],
  ['cycle', {}, /^Invalid channel: expected none of/],
  ['a', { after: -1 }, /^Invalid after: expected an integer from 0/],
  ['a', { limit: 0 }, /^Invalid limit/],
])('%j %j is a TypeError', async (channel, options, message) => {
  const client = clientOf(await startServer());
  expect(() => client.stream(channel, options)).toThrow(message);
});

describe('leaving the loop', () => {
  async function leave(how: 'break' | 'throw' | 'return') {
    const server = (await startServer()).script(events(1, 2, 3), json([]));
    const client = clientOf(server, limits);
    const loop = async () => {
      for await (const { id } of client.stream('a')) {
        if (id < 3) continue;
        if (how === 'break') break;
        if (how === 'return') return;
        throw new Error('in the loop');
      }
    };
    if (how === 'throw') await expect(loop()).rejects.toThrow('in the loop');
    else await loop();
    return server;
  }

  test.each(['break', 'throw', 'return'] as const)(
    'by %s acknowledges what was finished, and not the event that it was busy with',
    async (how) => {
      const server = await leave(how);
      const { query } = server.requests[1] ?? {};
      expect([query?.get('after'), query?.get('timeout'), query?.get('limit')]).toEqual(['2', '0', '1']);
      expect(server.requests).toHaveLength(2);
    },
  );

  test('at its first event acknowledges nothing', async () => {
    const server = (await startServer()).script(events(1, 2));
    for await (const _event of clientOf(server, limits).stream('a')) break;
    expect(server.requests).toHaveLength(1);
  });

  test('acknowledges once: close() has nothing to add', async () => {
    const server = (await startServer()).script(events(1, 2), json([]));
    const client = clientOf(server, limits);
    for await (const { id } of client.stream('a')) if (id === 2) break;
    await client.close();
    expect(afters(server)).toEqual([null, '1']);
  });

  test('leaves the channel free: a new loop, or a handler, gets what was not finished', async () => {
    const server = (await startServer()).script(
      events(1, 2),
      json([]),
      events(2, 3),
      json([]),
      events(3),
      json([]),
    );
    const client = clientOf(server, limits);
    const got: string[] = [];
    for await (const { id } of client.stream('a')) {
      got.push(`first ${id}`);
      if (id === 2) break;
    }
    for await (const { id } of client.stream('a')) {
      got.push(`second ${id}`);
      if (id === 3) break;
    }
    client.on('a', ({ id }) => got.push(`handler ${id}`));
    await server.request(6);
    expect(got).toEqual(['first 1', 'first 2', 'second 2', 'second 3', 'handler 3']);
    expect(afters(server)).toEqual([null, '1', '1', '2', '2', '3']);
  });
});

test('goes on where the handlers of this client were', async () => {
  const server = (await startServer()).script(events(4));
  const client = clientOf(server);
  await new Promise((resolve) => client.once('a', resolve));
  await new Promise((resolve) => client.once('drain', () => resolve(undefined)));
  void client.stream('a').next();
  await server.request(2);
  expect(afters(server)).toEqual([null, '4']);
});

describe('abort', () => {
  test('ends a loop that waits, and acknowledges', async () => {
    const server = (await startServer()).script(events(1), hang, json([]));
    const controller = new AbortController();
    const ids: number[] = [];
    const loop = (async () => {
      for await (const { id } of clientOf(server, limits).stream('a', { signal: controller.signal }))
        ids.push(id);
    })();
    await server.request(2);
    controller.abort();
    await loop;
    expect(ids).toEqual([1]);
    expect(afters(server)).toEqual([null, '1', '1']);
  });

  test('ends a busy loop when it comes back; that event is finished, the rest of the batch is not', async () => {
    const server = (await startServer()).script(events(1, 2, 3), json([]));
    const controller = new AbortController();
    const ids: number[] = [];
    for await (const { id } of clientOf(server, limits).stream('a', { signal: controller.signal })) {
      ids.push(id);
      if (id === 2) controller.abort();
    }
    expect(ids).toEqual([1, 2]);
    expect(afters(server)).toEqual([null, '2']);
  });

  test('before the beginning makes no request', async () => {
    const server = await startServer();
    const stream = clientOf(server, limits).stream('a', { signal: AbortSignal.abort() });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(server.requests).toEqual([]);
  });

  test('ends a pause', async () => {
    const server = (await startServer()).script(text('', 503, { 'Retry-After': 3600 }));
    const controller = new AbortController();
    const next = clientOf(server).stream('a', { signal: controller.signal }).next();
    const { response } = await server.request(1);
    await new Promise((resolve) => response.on('close', resolve));
    controller.abort();
    expect((await next).done).toBe(true);
  });
});

describe('close()', () => {
  test('ends a loop that waits', async () => {
    const server = (await startServer()).script(events(1), hang, json([]));
    const client = clientOf(server, limits);
    const ids: number[] = [];
    const loop = (async () => {
      for await (const { id } of client.stream('a')) ids.push(id);
    })();
    await server.request(2);
    await client.close();
    await loop;
    expect(ids).toEqual([1]);
    expect(afters(server)).toEqual([null, '1', '1']);
  });

  test('does not wait for a busy loop; what it finishes later is acknowledged then', async () => {
    const server = (await startServer()).script(events(1, 2, 3), json([]), json([]));
    const client = clientOf(server, limits);
    const ids: number[] = [];
    for await (const { id } of client.stream('a')) {
      ids.push(id);
      if (id === 2) await client.close();
    }
    expect(ids).toEqual([1, 2]);
    expect(afters(server)).toEqual([null, '1', '2']);
  });

  test('a closed client cannot be streamed', async () => {
    const client = clientOf(await startServer());
    await client.close();
    await expect(client.stream('a').next()).rejects.toThrow('Cannot stream "a": the client is closed');
  });
});

describe('one channel of a client has one reader', () => {
  test('a second stream is refused, the first goes on', async () => {
    const server = (await startServer()).script(events(1), events(2));
    const client = clientOf(server);
    const first = client.stream('a');
    await first.next();
    await expect(client.stream('a').next()).rejects.toThrow(
      'Cannot stream "a": another stream of this client is reading it',
    );
    expect((await first.next()).value?.id).toBe(2);
  });

  test('a stream is refused while there are handlers', async () => {
    const server = await startServer();
    const client = clientOf(server);
    client.on('a', () => {});
    await expect(client.stream('a').next()).rejects.toThrow(
      'Cannot stream "a": this client listens to it already',
    );
  });

  test('handlers are refused while there is a stream', async () => {
    const server = (await startServer()).script(events(1));
    const client = clientOf(server);
    await client.stream('a').next();
    expect(() => client.on('a', () => {})).toThrow(
      'Cannot listen to "a": a stream of this client is reading it',
    );
    expect(client.listenerCount('a')).toBe(0);
    client.on('b', () => {});
  });
});

describe('failures', () => {
  test('are repeated with the same place, and reported where somebody handles errors', async () => {
    const server = (await startServer()).script(
      events(1),
      reset,
      reset,
      text('<h1>502</h1>', 502),
      events(1, 2),
      events(2),
    );
    const client = clientOf(server, { unreachableMs: 0 });
    const record = recordOf(client);
    const stream = client.stream('a');
    const ids = [(await stream.next()).value?.id, (await stream.next()).value?.id];
    expect(ids).toEqual([1, 2]);
    expect(afters(server)).toEqual([null, '1', '1', '1', '1', '1']);
    expect(record).toEqual(['error ECONNRESET a', 'error UnexpectedStatus a', 'error InvalidReply a']);
  });

  test('are quiet where nobody does', async () => {
    const server = (await startServer()).script(text('', 500), reset, events(1));
    expect((await clientOf(server).stream('a').next()).value?.id).toBe(1);
  });

  test('a refusal is thrown, after what was finished is acknowledged; then the channel is free', async () => {
    const refusal = json({ code: 'InvalidCredentialsError', message: 'no' }, 401);
    const server = (await startServer()).script(events(1), refusal, json([]), events(2));
    const client = clientOf(server, limits);
    const stream = client.stream('a');
    await stream.next();
    const error = (await stream.next().catch((error: unknown) => error)) as RequestError;
    expect(error).toMatchObject({ code: 'InvalidCredentialsError', statusCode: 401 });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect((await client.stream('a').next()).value?.id).toBe(2);
  });

  test('a server that does not wait is not asked at full speed', async () => {
    const server = await startServer();
    for (let i = 0; i < 1000; i += 1) server.script(json([]));
    void clientOf(server).stream('a').next();
    await server.request(1);
    await sleep(300);
    expect(server.requests.length).toBeLessThan(30);
  });
});

test('calls of next() that do not wait for each other get one event each', async () => {
  const server = (await startServer()).script(events(1, 2), events(3));
  const stream = clientOf(server).stream('a');
  const results = await Promise.all([stream.next(), stream.next(), stream.next()]);
  expect(results.map(({ value }) => value?.id)).toEqual([1, 2, 3]);
});

test('return() ends a next() that waits', async () => {
  const server = (await startServer()).script(held(json([])).reply);
  const stream = clientOf(server).stream('a');
  const next = stream.next();
  await server.request(1);
  expect(await stream.return()).toEqual({ done: true, value: undefined });
  expect((await next).done).toBe(true);
});

test('await using ends it', async () => {
  const server = (await startServer()).script(events(1, 2), json([]));
  const client = clientOf(server, limits);
  {
    await using stream = client.stream('a');
    await stream.next();
    await stream.next();
  }
  expect(afters(server)).toEqual([null, '1']);
});

test('does not keep drain waiting, nor cause it', async () => {
  const server = await startServer();
  server.scriptOf('a', events(1)).scriptOf('b', events(1));
  const client = clientOf(server);
  const record = recordOf(client);
  await client.stream('a').next();
  await new Promise(setImmediate);
  expect(record).toEqual([]);
  client.once('b', () => {});
  await new Promise((resolve) => client.once('drain', () => resolve(undefined)));
});
