// What a worker asks of a server, request by request. That it works with a real one is in worker.test.ts.

import { expect, it } from 'vitest';
import type { Delivery, RequestError, WorkOptions } from '../src/index.js';
import { eventOf, type HostileServer, held, json, type Received, type Reply } from './hostile-server.js';
import { cleanUp, clientOf, startServer } from './setup.js';

const RECEIVE = '/events/v1/groups/receive';
const SETTLE = '/events/v1/groups/settle';

interface Entry {
  readonly id: number;
}
type Lists = Record<string, Entry[]>;

const KINDS = ['acknowledge', 'release', 'reject', 'extend'];
const statuses = (lists: Lists, status: string) =>
  Object.fromEntries(
    KINDS.filter((kind) => lists[kind]).map((kind) => [kind, lists[kind]?.map(({ id }) => ({ id, status }))]),
  );

/** Hands out events, and has settled what came along. */
const handsOut =
  (ids: readonly number[], delivery: object = {}): Reply =>
  (request) => {
    const events = ids.map((id) => ({
      ...eventOf(id),
      delivery: { token: `t${id}`, count: 1, maxDeliveries: 10, leaseMs: 30_000, ...delivery },
    }));
    json({ events, settled: statuses(JSON.parse(request.body).settle ?? {}, 'done') })(request);
  };

/** Has settled all. */
const settles =
  (status = 'done'): Reply =>
  (request) =>
    json(statuses(JSON.parse(request.body), status))(request);

const bodies = (requests: readonly Received[]) =>
  requests.map(({ pathname, body }) => {
    const { channel: _, group: __, clientId: ___, ...rest } = JSON.parse(body);
    return [pathname.split('/').at(-1), rest];
  });

const endings = new Set<() => void>();

/** A handler whose events end when the test says so, or is over. */
function turns() {
  const begun = new Map<number, Delivery>();
  const ends = new Map<number, { resolve(): void }>();
  const watchers = new Set<() => void>();
  endings.add(() => {
    for (const { resolve } of ends.values()) resolve();
  });
  return {
    begun,
    handler: ({ id }: { id: number }, delivery: Delivery) => {
      begun.set(id, delivery);
      for (const look of watchers) look();
      return new Promise<void>((resolve) => ends.set(id, { resolve }));
    },
    end: (id: number) => ends.get(id)?.resolve(),
    until: (...ids: number[]) =>
      new Promise<void>((resolve) => {
        const look = () => ids.every((id) => begun.has(id)) && resolve();
        watchers.add(look);
        look();
      }),
  };
}

const startWorker = (
  server: HostileServer,
  handler: Parameters<ReturnType<typeof clientOf>['work']>[2],
  options: Partial<WorkOptions> = {},
) => {
  const worker = clientOf(server, { closeTimeoutMs: 1000 }).work(
    'orders',
    { group: 'mailers', ...options },
    handler,
  );
  cleanUp(() => {
    for (const end of endings) end();
    endings.clear();
  });
  const failures: [number, string][] = [];
  const dead: number[] = [];
  const errors: RequestError[] = [];
  worker.on('failed', ({ id }, error) => failures.push([id, (error as RequestError).code ?? String(error)]));
  worker.on('dead', ({ id }) => dead.push(id));
  worker.on('error', (error) => errors.push(error));
  return { worker, failures, dead, errors };
};

it('says with the next request for events what it has finished, and lets that wait little', async () => {
  const server = await startServer();
  server.script(handsOut([1, 2]), handsOut([]));
  startWorker(server, () => {}, { concurrency: 2 });
  await server.request(3);
  const acknowledge = [1, 2].map((id) => ({ id, token: `t${id}` }));
  expect(bodies(server.requests)).toEqual([
    ['receive', { limit: 2, timeout: 30_000 }],
    ['receive', { limit: expect.any(Number), timeout: 1_000, settle: { acknowledge } }],
    ['receive', { limit: expect.any(Number), timeout: 30_000 }],
  ]);
  expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
    channel: 'orders',
    group: 'mailers',
    clientId: 'tester',
  });
});

it('while it waits for events it says in requests of their own what it has finished, together what comes meanwhile', async () => {
  const server = await startServer();
  const first = held(settles());
  server.script(handsOut([1, 2, 3]), () => {}, first.reply, settles());
  const { handler, end, until } = turns();
  startWorker(server, handler, { concurrency: 4 });
  await until(1, 2, 3);
  await server.request(2);
  end(2);
  await server.request(3);
  end(1);
  end(3);
  await new Promise(setImmediate);
  first.release();
  await server.request(4);
  expect(bodies(server.requests.slice(1))).toEqual([
    ['receive', { limit: 1, timeout: 30_000 }],
    ['settle', { acknowledge: [{ id: 2, token: 't2' }] }],
    ['settle', { acknowledge: [1, 3].map((id) => ({ id, token: `t${id}` })) }],
  ]);
});

it('begins as many handlers as it may, and asks for as many events', async () => {
  const server = await startServer();
  server.script(handsOut([1, 2]), handsOut([3]));
  const { handler, begun, end, until } = turns();
  startWorker(server, handler, { concurrency: 2 });
  await until(1, 2);
  await new Promise(setImmediate);
  expect(server.requests).toHaveLength(1);
  end(1);
  await until(3);
  expect([...begun.keys()]).toEqual([1, 2, 3]);
  expect(bodies(server.requests)[1]).toMatchObject(['receive', { settle: { acknowledge: [{ id: 1 }] } }]);
});

it('gives back what fails, with the reason, and says what has failed', async () => {
  const server = await startServer();
  server.script(handsOut([1, 2, 3]), handsOut([]));
  const { failures, dead } = startWorker(
    server,
    ({ id }) => {
      if (id === 1) throw new Error('no such user');
      if (id === 2) return Promise.reject('x'.repeat(2000));
      return Promise.resolve();
    },
    { concurrency: 3 },
  );
  await server.request(3);
  expect(bodies(server.requests)[1]).toMatchObject([
    'receive',
    {
      timeout: 0,
      settle: {
        acknowledge: [{ id: 3, token: 't3' }],
        release: [
          { id: 1, token: 't1', reason: 'no such user' },
          { id: 2, token: 't2', reason: 'x'.repeat(1000) },
        ],
      },
    },
  ]);
  expect(failures).toEqual([
    [1, 'Error: no such user'],
    [2, 'x'.repeat(2000)],
  ]);
  expect(dead).toEqual([]);
});

it('goes on after failures that cannot be told in words', async () => {
  const server = await startServer();
  server.script(handsOut([1, 2, 3, 4]), handsOut([]));
  const wordless = {
    toString() {
      throw new Error('no words');
    },
  };
  const causes: unknown[] = [
    Object.create(null),
    wordless,
    Object.defineProperty(new Error(), 'message', { get: wordless.toString }),
  ];
  const failed: unknown[] = [];
  const { worker } = startWorker(
    server,
    ({ id }, delivery) => {
      if (id === 4) return delivery.reject(wordless as unknown as string);
      throw causes[id - 1];
    },
    { concurrency: 4 },
  );
  worker.removeAllListeners('failed').on('failed', (_, error) => failed.push(error));
  await server.request(3);
  const reason = 'something that cannot be made a text';
  expect(bodies(server.requests)[1]).toMatchObject([
    'receive',
    {
      settle: {
        release: [1, 2, 3].map((id) => ({ id, token: `t${id}`, reason })),
        reject: [{ id: 4, token: 't4', reason }],
      },
    },
  ]);
  expect(failed.every((error, i) => error === causes[i])).toBe(true);
  expect(failed).toHaveLength(3);
});

it('does what a handler says of its event, however it ends, and tells dead letters', async () => {
  const server = await startServer();
  server.script(handsOut([1, 2, 3, 4], { count: 10 }), handsOut([]));
  const { dead } = startWorker(
    server,
    ({ id }, delivery) => {
      expect([delivery.count, delivery.maxDeliveries]).toEqual([10, 10]);
      expect(() => delivery.release(-1)).toThrow(TypeError);
      if (id === 1) delivery.reject('is no order');
      if (id === 2) delivery.release(5000);
      if (id === 3) delivery.release();
      if (id === 1) delivery.release();
      if (id >= 3) throw new Error('with an error too');
    },
    { concurrency: 4 },
  );
  await server.request(3);
  expect(bodies(server.requests)[1]).toMatchObject([
    'receive',
    {
      settle: {
        reject: [{ id: 1, token: 't1', reason: 'is no order' }],
        release: [
          { id: 2, token: 't2', delayMs: 5000 },
          { id: 3, token: 't3' },
          { id: 4, token: 't4', reason: 'with an error too' },
        ],
      },
    },
  ]);
  expect(dead.sort()).toEqual([1, 2, 3, 4]);
});

it('extends leases while handlers run, together', async () => {
  const server = await startServer();
  server.script(handsOut([1, 2], { leaseMs: 200 }), () => {}, settles(), settles());
  const { handler, begun, end, until } = turns();
  const { failures } = startWorker(server, handler, { concurrency: 3 });
  await until(1, 2);
  await server.request(4);
  // The group may have another lease by now.
  const extend = [1, 2].map((id) => ({ id, token: `t${id}`, leaseMs: 200 }));
  expect(bodies(server.requests.slice(2, 4))).toEqual([
    ['settle', { extend }],
    ['settle', { extend }],
  ]);
  expect(begun.get(1)?.signal.aborted).toBe(false);
  server.answer = settles();
  end(1);
  end(2);
  await server.until(() => server.requests.some(({ body }) => body.includes('acknowledge')));
  expect(failures).toEqual([]);
});

it('redrives what is named, or so many, and nothing that is not clear', async () => {
  const server = (await startServer()).script(json({ ids: [3] }));
  const client = clientOf(server);
  const refused: [unknown, string][] = [
    [{ id: [1] }, 'Invalid option: expected ids or limit, got "id"'],
    [{}, 'Invalid options: expected ids or limit, got undefined'],
    [undefined, 'Invalid options: expected ids or limit, got undefined'],
    [{ ids: 1 }, 'Invalid ids: expected an array of ids, got 1'],
    [{ limit: 0 }, 'Invalid limit: expected an integer from 1 to '],
  ];
  for (const [options, message] of refused) {
    await expect(client.redrive('a', 'g', options as object)).rejects.toThrow(message);
  }
  expect(await client.redrive('a', 'g', { ids: [] })).toEqual([]);
  expect(await client.redrive('a', 'g', { limit: 1 })).toEqual([3]);
  expect(server.requests.map(({ body }) => JSON.parse(body))).toEqual([
    { channel: 'a', group: 'g', limit: 1 },
  ]);
});

it('tells a handler that its lease was lost, and does not settle what is no longer its own', async () => {
  const server = await startServer();
  server.script(
    handsOut([1, 2], { leaseMs: 100 }),
    () => {},
    (request) =>
      json({
        extend: [
          { id: 1, status: 'stale' },
          { id: 2, status: 'done' },
        ],
      })(request),
  );
  server.answer = settles();
  const { handler, begun, end, until } = turns();
  const { failures } = startWorker(server, handler, { concurrency: 3 });
  await until(1, 2);
  const { signal } = begun.get(1) as Delivery;
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  expect(signal.reason.code).toBe('LeaseLost');
  expect(begun.get(2)?.signal.aborted).toBe(false);
  end(1);
  end(2);
  const settled = () => server.requests.flatMap(({ body }) => JSON.parse(body).acknowledge ?? []);
  await server.until(() => settled().length > 0);
  expect(settled()).toEqual([{ id: 2, token: 't2' }]);
  expect(failures).toEqual([[1, 'LeaseLost']]);
});

it('does not settle what its event loop was blocked over', async () => {
  const server = await startServer();
  server.script(handsOut([1, 2], { leaseMs: 50 }), handsOut([]));
  const { failures } = startWorker(
    server,
    ({ id }) => {
      const until = performance.now() + 80;
      while (performance.now() < until);
      expect(id).toBe(1);
    },
    { concurrency: 1 },
  );
  await server.request(2);
  // Nor does it begin what has waited behind that.
  expect(bodies(server.requests)[1]).toEqual(['receive', { limit: expect.any(Number), timeout: 30_000 }]);
  expect(failures).toEqual([[1, 'LeaseLost']]);
});

it('tells again what a request that failed was to tell, and does not mind that it was done', async () => {
  const server = await startServer();
  server.script(handsOut([1]), json({ code: 'ServiceUnavailable', message: 'away' }, 503), (request) =>
    json({ events: [], settled: { acknowledge: [{ id: 1, status: 'stale' }] } })(request),
  );
  server.answer = settles('stale');
  const { failures, errors } = startWorker(server, () => {});
  const told = () => server.requests.filter(({ body }) => body.includes('acknowledge'));
  await server.until(() => told().length === 2);
  expect(errors.map(({ code }) => code)).toEqual(['ServiceUnavailable']);
  expect(failures).toEqual([]);
});

it('says of an acknowledgement that came too late that its lease was lost', async () => {
  const server = await startServer();
  server.script(handsOut([1]), (request) =>
    json({ events: [], settled: { acknowledge: [{ id: 1, status: 'stale' }] } })(request),
  );
  const { failures } = startWorker(server, () => {});
  await server.request(3);
  expect(failures).toEqual([[1, 'LeaseLost']]);
});

it('drops what a server refuses to be told, by itself, and tells the rest', async () => {
  const server = await startServer();
  server.script(handsOut([1, 2, 3, 4, 5]));
  const refusal = json({ code: 'InvalidContent', message: 'not that one' }, 400);
  const told: number[] = [];
  server.answer = (request) => {
    if (request.pathname === RECEIVE) {
      return JSON.parse(request.body).settle === undefined ? undefined : refusal(request);
    }
    const ids = (JSON.parse(request.body).acknowledge as Entry[]).map(({ id }) => id);
    if (ids.includes(4)) return refusal(request);
    told.push(...ids);
    return settles()(request);
  };
  const { errors, failures } = startWorker(server, () => {}, { concurrency: 5 });
  await server.until(() => told.length === 4);
  expect(told).toEqual([1, 2, 3, 5]);
  expect(errors.map(({ code }) => code)).toEqual(['InvalidContent']);
  expect(failures).toEqual([]);
  // By itself it is not told again.
  const alone = server.requests.filter(({ body }) => body.includes('"acknowledge":[{"id":4,"token":"t4"}]'));
  expect(alone).toHaveLength(1);
});

it('lets go of what its group had handed out before it was deleted', async () => {
  const server = await startServer();
  server.script(
    handsOut([1, 2]),
    () => {},
    json({ code: 'ResourceNotFound', message: 'no such group' }, 404),
  );
  server.answer = settles();
  const { handler, end, until } = turns();
  const { failures, errors } = startWorker(server, handler, { concurrency: 3 });
  await until(1, 2);
  await server.request(2);
  end(1);
  await expect.poll(() => failures).toEqual([[1, 'LeaseLost']]);
  expect(errors.map(({ code }) => code)).toEqual(['ResourceNotFound']);
});

it('saves the settings that it is given before it asks for events, until that has succeeded', async () => {
  const server = await startServer();
  server.script(json({ code: 'Conflict', message: 'another order' }, 409), json({}, 201));
  const settings = {
    leaseMs: 5000,
    maxDeliveries: 3,
    backoffMs: [1],
    maxPending: 7,
    order: 'data.id',
    deadLetters: 'x',
  };
  const { errors } = startWorker(server, () => {}, { ...settings, start: 'new' });
  await server.request(3);
  const saved = { channel: 'orders', group: 'mailers', start: 'new', ...settings };
  const requests = server.requests.map(({ method, pathname, body }) => [method, pathname, JSON.parse(body)]);
  expect(requests).toEqual([
    ['PUT', '/events/v1/groups', saved],
    ['PUT', '/events/v1/groups', saved],
    ['POST', RECEIVE, expect.objectContaining({ start: 'new' })],
  ]);
  expect(errors.map(({ code }) => code)).toEqual(['Conflict']);
});

it('saves its settings again before it asks for events once its group turns out to be gone', async () => {
  const server = await startServer();
  const gone = json({ code: 'ResourceNotFound', message: 'no such group' }, 404);
  const saved = json({}, 200);
  // First by a request for events, then by one that tells what is finished.
  const waiting = held(handsOut([]));
  server.script(saved, gone, saved, handsOut([1]), waiting.reply, gone, saved);
  const { handler, end, until } = turns();
  const { errors } = startWorker(server, handler, { order: 'data.id', concurrency: 2 });
  await until(1);
  await server.request(5);
  end(1);
  await expect.poll(() => errors.length).toBe(2);
  waiting.release();
  await server.request(8);
  expect(server.requests.map(({ method, pathname }) => `${method} ${pathname.split('/').at(-1)}`)).toEqual([
    'PUT groups',
    'POST receive',
    'PUT groups',
    'POST receive',
    'POST receive',
    'POST settle',
    'PUT groups',
    'POST receive',
  ]);
  expect(errors.map(({ code }) => code)).toEqual(['ResourceNotFound', 'ResourceNotFound']);
});

it('saves its settings once more if its group turns out to be gone while it saves them', async () => {
  const server = await startServer();
  const gone = json({ code: 'ResourceNotFound', message: 'no such group' }, 404);
  const [receiving, settling, saving] = [held(gone), held(gone), held(json({}, 201))];
  server.script(json({}, 201), handsOut([1]), receiving.reply, settling.reply, saving.reply, json({}, 201));
  const { handler, end, until } = turns();
  const { errors } = startWorker(server, handler, { order: 'data.id', concurrency: 2 });
  await until(1);
  await server.request(3);
  end(1);
  await server.request(4);
  receiving.release();
  await server.request(5);
  settling.release();
  await expect.poll(() => errors.length).toBe(2);
  saving.release();
  await server.request(7);
  expect(server.requests.slice(4).map(({ method }) => method)).toEqual(['PUT', 'PUT', 'POST']);
});

it('asks for more than it has handlers for if they are quick, and gives back what has waited for long', async () => {
  const server = await startServer();
  server.script(handsOut([1]), handsOut([2, 3, 4]));
  server.answer = settles();
  const { handler, begun, until } = turns();
  startWorker(server, (event, delivery) => (event.id === 1 ? undefined : handler(event, delivery)));
  await until(2);
  expect(JSON.parse(server.requests[1]?.body ?? '').limit).toBeGreaterThan(3);
  await server.until(() => server.requests.some(({ body }) => body.includes('release')));
  const release = [3, 4].map((id) => ({ id, token: `t${id}`, uncounted: true }));
  expect(bodies(server.requests).at(-1)).toEqual(['settle', { release }]);
  expect(begun.size).toBe(1);
});

it('gives back what has waited for half of its lease, while it still has it', async () => {
  const server = await startServer();
  server.script(handsOut([1]), handsOut([2, 3], { leaseMs: 600 }));
  server.answer = settles();
  const { handler, begun, until } = turns();
  startWorker(server, (event, delivery) => (event.id === 1 ? undefined : handler(event, delivery)));
  await until(2);
  const released = () => server.requests.flatMap(({ body }) => JSON.parse(body).release ?? []);
  await server.until(() => released().length > 0);
  expect(released()).toEqual([{ id: 3, token: 't3', uncounted: true }]);
  expect(begun.size).toBe(1);
});

it('closes: gives back what no handler has begun, lets handlers finish and says so', async () => {
  const server = await startServer();
  const receive = held(handsOut([4]));
  server.script(handsOut([1]), handsOut([2, 3]), receive.reply);
  server.answer = settles();
  const { handler, begun, end, until } = turns();
  const { worker, failures } = startWorker(server, (event, delivery) =>
    event.id === 1 ? undefined : handler(event, delivery),
  );
  await until(2);
  await server.request(3);
  let isClosed = false;
  const closed = worker.close().then(() => {
    isClosed = true;
  });
  expect(worker.close()).toBe(worker.close());
  // What was on its way to it goes back too.
  receive.release();
  const released = () => server.requests.flatMap(({ body }) => JSON.parse(body).release ?? []);
  await server.until(() => released().length === 2);
  expect(released()).toEqual([3, 4].map((id) => ({ id, token: `t${id}`, uncounted: true })));
  expect(isClosed).toBe(false);
  end(2);
  await closed;
  expect(bodies(server.requests).at(-1)).toEqual(['settle', { acknowledge: [{ id: 2, token: 't2' }] }]);
  expect(failures).toEqual([]);
  expect([...begun.keys()]).toEqual([2]);
});

it('is closed with its client, whose handlers may send until they have ended', async () => {
  const server = await startServer();
  server.script(handsOut([1]), () => {});
  server.answer = (request) =>
    request.pathname === SETTLE ? settles()(request) : json({ id: 7, timestamp: 1 })(request);
  const client = clientOf(server, { closeTimeoutMs: 1000 });
  const { handler, end, until } = turns();
  const sent: number[] = [];
  client.work('orders', { group: 'mailers', concurrency: 2 }, async (event, delivery) => {
    await handler(event, delivery);
    sent.push((await client.send('mails', { from: 'test', type: 'sent' })).id);
  });
  await until(1);
  await server.request(2);
  const closed = client.close();
  end(1);
  await closed;
  expect(sent).toEqual([7]);
  expect(bodies(server.requests).at(-1)).toEqual(['settle', { acknowledge: [{ id: 1, token: 't1' }] }]);
  expect(() => client.work('orders', { group: 'mailers' }, () => {})).toThrow('the client is closed');
});

it('gives up telling a server that is away when it closes', async () => {
  const server = await startServer();
  server.script(handsOut([1]));
  server.answer = json({ code: 'ServiceUnavailable', message: 'away' }, 503);
  const client = clientOf(server, { closeTimeoutMs: 20 });
  const { handler, end, until } = turns();
  const worker = client.work('orders', { group: 'mailers' }, handler);
  worker.on('error', () => {});
  await until(1);
  const closed = worker.close();
  end(1);
  await closed;
});

it('says what is wrong with its arguments', async () => {
  const client = clientOf(await startServer());
  const work = client.work.bind(client) as (...args: unknown[]) => unknown;
  for (const [problem, ...args] of [
    ['Invalid channel', '', { group: 'g' }, () => {}],
    ['Invalid channel', 'error', { group: 'g' }, () => {}],
    ['Invalid options', 'a', null, () => {}],
    ['Invalid group', 'a', {}, () => {}],
    ['Invalid concurrency', 'a', { group: 'g', concurrency: 0 }, () => {}],
    ['Invalid handler', 'a', { group: 'g' }],
  ]) {
    expect(() => work(...args)).toThrow(problem as string);
  }
});
