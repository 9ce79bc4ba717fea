// Workers, and a real server.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { expect, it } from 'vitest';
import { Client, type ClientOptions, type WorkOptions } from '../src/index.js';
import { startRealServer } from './real-server.js';
import { cleanUp } from './setup.js';

const SECRET = 'a secret of the tests';

/** A server, and clients of it that end with the test. */
async function start() {
  const url = await startRealServer(SECRET);
  const channel = randomUUID();
  const clientOf = (clientId: string, options: Partial<ClientOptions> = {}) => {
    const client = new Client(clientId, {
      url,
      secret: SECRET,
      agent: new http.Agent({ keepAlive: true }),
      ...options,
    });
    cleanUp(() => client.close());
    return client;
  };
  const publisher = clientOf('publisher');
  const publish = (...data: object[]) =>
    publisher.sendBatch(
      channel,
      data.map((each) => ({ from: 'test', type: 'add', data: each })),
    );
  const stateOf = async (group: string) => {
    const response = await fetch(`${url}/events/v1/groups?channel=${channel}`, {
      headers: { Authorization: `Bearer ${SECRET}` },
    });
    const groups = (await response.json()) as { group: string; pending: number; [name: string]: unknown }[];
    return groups.find((state) => state.group === group);
  };
  return { url, channel, clientOf, publish, publisher, stateOf };
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ n: from + i }));

it('two workers share the events of a channel, and what they have finished is not delivered again', async () => {
  const { channel, clientOf, publish, stateOf } = await start();
  const seen: number[] = [];
  const by = new Map<string, number>();
  const workers = ['a', 'b'].map((clientId) =>
    clientOf(clientId).work(channel, { group: 'mailers', concurrency: 4 }, async ({ data }) => {
      seen.push(data.n);
      by.set(clientId, (by.get(clientId) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }),
  );
  for (let n = 1; n <= 200; n += 20) await publish(...numbers(n, n + 19));
  await expect.poll(() => seen.length).toBe(200);
  await Promise.all(workers.map((worker) => worker.close()));
  expect([...seen].sort((a, b) => a - b)).toEqual(numbers(1, 200).map(({ n }) => n));
  expect([...by.keys()].sort()).toEqual(['a', 'b']);
  expect(await stateOf('mailers')).toMatchObject({ pending: 0, redelivered: 0, after: 200 });
});

it('an event that comes while it waits is handled at once, and each group has its own', async () => {
  const { channel, clientOf, publish } = await start();
  const client = clientOf('a');
  const seen: string[] = [];
  for (const group of ['mailers', 'billing']) {
    client.work(channel, { group }, ({ data }) => void seen.push(`${group} ${data.n}`));
  }
  for (const n of [1, 2, 3]) {
    await publish({ n });
    await expect.poll(() => seen.length).toBe(2 * n);
  }
  expect(seen.sort()).toEqual(
    ['billing', 'mailers'].flatMap((group) => [1, 2, 3].map((n) => `${group} ${n}`)),
  );
});

it('what fails is delivered again, and is a dead letter after its last delivery', async () => {
  const { channel, clientOf, publish, publisher, stateOf } = await start();
  const seen: string[] = [];
  const options: WorkOptions = { group: 'mailers', backoffMs: [0], maxDeliveries: 3 };
  const worker = clientOf('a').work(channel, options, ({ data }, { count, maxDeliveries }) => {
    seen.push(`${data.n} ${count}/${maxDeliveries}`);
    if (data.n === 2) throw new Error('no such user');
  });
  const failed: string[] = [];
  worker.on('failed', ({ data }, error) => failed.push(`${data.n} ${error}`));
  const dead = once(worker, 'dead');
  await publish({ n: 1 }, { n: 2 });
  expect((await dead)[0]).toMatchObject({ id: 2, data: { n: 2 } });
  expect(seen).toEqual(['1 1/3', '2 1/3', '2 2/3', '2 3/3']);
  expect(failed).toEqual(Array(3).fill('2 Error: no such user'));
  const letters = await publisher.getLatestEvents(`${channel}.dead-letters`);
  expect(letters).toMatchObject([
    {
      from: 'mailers',
      type: 'add',
      data: { event: { id: 2 }, count: 3, reason: 'no such user', clientId: 'a' },
    },
  ]);
  expect(await stateOf('mailers')).toMatchObject({ pending: 0, deadLetters: 1, redelivered: 2 });
});

it('a rejected event is a dead letter at once, a released one comes again', async () => {
  const { channel, clientOf, publish, stateOf } = await start();
  const seen: string[] = [];
  const worker = clientOf('a').work(
    channel,
    { group: 'mailers', backoffMs: [60_000] },
    ({ data }, delivery) => {
      seen.push(`${data.n} ${delivery.count}`);
      if (data.n === 1) delivery.reject('spam');
      if (data.n === 2 && delivery.count === 1) delivery.release(0);
    },
  );
  const dead = once(worker, 'dead');
  await publish({ n: 1 }, { n: 2 });
  await dead;
  await expect.poll(() => seen.length).toBe(3);
  expect(seen).toEqual(['1 1', '2 1', '2 2']);
  await worker.close();
  expect(await stateOf('mailers')).toMatchObject({ pending: 0, deadLetters: 1 });
});

it('keeps the order of a value, also over a delivery that fails', async () => {
  const { channel, clientOf, publish } = await start();
  const seen = new Map<string, number[]>();
  const failedOnce = new Set<number>();
  const running = new Set<string>();
  const workers = ['a', 'b', 'c'].map((clientId) =>
    clientOf(clientId).work(
      channel,
      { group: 'mailers', concurrency: 8, order: 'data.user', backoffMs: [1] },
      async ({ data: { user, n } }) => {
        expect(running.has(user), 'two at a time').toBe(false);
        running.add(user);
        await new Promise((resolve) => setTimeout(resolve, 1));
        running.delete(user);
        if (n % 7 === 0 && !failedOnce.has(n)) {
          failedOnce.add(n);
          throw new Error('once');
        }
        seen.set(user, [...(seen.get(user) ?? []), n]);
      },
    ),
  );
  const events = numbers(1, 120).map(({ n }) => ({ n, user: `u${n % 5}` }));
  await publish(...events);
  await expect.poll(() => [...seen.values()].flat().length).toBe(120);
  for (const [user, ns] of seen) {
    expect(ns).toEqual(events.filter((event) => event.user === user).map(({ n }) => n));
  }
  await Promise.all(workers.map((worker) => worker.close()));
});

it('a handler that takes longer than the lease keeps its event', async () => {
  const { channel, clientOf, publish, stateOf } = await start();
  let handled = 0;
  const worker = clientOf('a').work(
    channel,
    { group: 'mailers', leaseMs: 200 },
    async (_event, { signal }) => {
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(signal.aborted).toBe(false);
      handled += 1;
    },
  );
  await publish({ n: 1 });
  await expect.poll(() => handled).toBe(1);
  await worker.close();
  expect(await stateOf('mailers')).toMatchObject({ pending: 0, redelivered: 0 });
});

it('what a closing worker has not begun goes to another at once, as if it had not been handed out', async () => {
  const { channel, clientOf, publish, stateOf } = await start();
  const begun: number[] = [];
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const options = { group: 'mailers', leaseMs: 60_000 };
  const first = clientOf('a').work(channel, options, ({ data }) => {
    begun.push(data.n);
    return data.n === 1 ? undefined : finished;
  });
  // The first is quick, so that more are fetched than there are handlers for.
  await publish(...numbers(1, 1));
  await expect.poll(() => begun).toEqual([1]);
  await publish(...numbers(2, 5));
  await expect.poll(() => begun).toEqual([1, 2]);
  const closed = first.close();
  const seen: [number, number][] = [];
  clientOf('b').work(channel, options, ({ data }, { count }) => void seen.push([data.n, count]));
  await expect.poll(() => seen.length).toBe(3);
  expect(seen).toEqual([3, 4, 5].map((n) => [n, 1]));
  finish();
  await closed;
  await expect.poll(async () => (await stateOf('mailers'))?.pending).toBe(0);
});

it('works on one type of a channel, beginning where it is told to', async () => {
  const { channel, clientOf, publisher } = await start();
  const send = (type: string, n: number) => publisher.send(channel, { from: 'test', type, data: { n } });
  await send('paid', 1);
  const before = await publisher.getLatestEvents(channel, 1);
  const seen: number[] = [];
  const client = clientOf('a');
  const work = (group: string, start: WorkOptions['start']) =>
    client.work(`${channel}:paid`, { group, start }, ({ data }) => void seen.push(data.n));
  work('new', 'new');
  work('time', new Date((before[0]?.timestamp ?? 0) + 1));
  await expect.poll(async () => (await send('sent', 2)) && seen.length === 0).toBe(true);
  const waiting = async () => (await clientOf('x').getLatestEvents(channel, 1)).length;
  await waiting();
  await expect
    .poll(async () => {
      await send('paid', 3);
      return new Set(seen).size > 0 && seen.filter((n) => n === 3).length >= 2;
    })
    .toBe(true);
  expect(new Set(seen)).toEqual(new Set([3]));
});

it('goes on after the server was away', async () => {
  const { channel, clientOf, url, publish } = await start();
  const seen: number[] = [];
  // A port that nothing listens on, and then the server.
  const gate = http.createServer((request, response) => {
    if (!open) {
      request.socket.destroy();
      return;
    }
    const { method, headers, url: path = '' } = request;
    const onward = http.request(new URL(path, url), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  let open = true;
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  cleanUp(() => {
    gate.closeAllConnections();
    gate.close();
  });
  const { port } = gate.address() as { port: number };
  const worker = clientOf('a', { url: `http://127.0.0.1:${port}`, retryBaseMs: 5, retryMaxMs: 20 }).work(
    channel,
    { group: 'mailers', concurrency: 2 },
    ({ data }) => void seen.push(data.n),
  );
  const errors: string[] = [];
  worker.on('error', ({ code }) => errors.push(code));
  await publish({ n: 1 });
  await expect.poll(() => seen).toEqual([1]);
  open = false;
  gate.closeAllConnections();
  await expect.poll(() => errors.length).toBeGreaterThan(2);
  await publish({ n: 2 });
  open = true;
  await expect.poll(() => seen).toContain(2);
});
