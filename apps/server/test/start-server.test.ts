import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Client } from '@ganomede/events-client';
import { buildApp, type RunningServer, startServer } from '@ganomede/events-server';
import { openMemoryStore } from '@ganomede/events-store/memory';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startProcess } from './support/process.js';
import { SECRET } from './support/server.js';

it('starts a server for a test, each with a store and a secret of its own', async () => {
  await using one = await startServer();
  await using two = await startServer({ pollTimeoutMs: 10 });
  expect([one.url === two.url, one.secret === two.secret]).toEqual([false, false]);
  const client = new Client('test', { url: one.url, secret: one.secret });
  const received = new Promise((resolve) => client.on('orders', resolve));
  await client.send('orders', { from: 'shop', type: 'paid' });
  expect(await received).toMatchObject({ id: 1, type: 'paid' });
  await client.close();

  const query = 'clientId=a&channel=orders&after=0';
  const other = await fetch(`${two.url}/events/v1/events?${query}`, {
    headers: { Authorization: `Bearer ${two.secret}` },
  });
  expect(await other.json()).toEqual([]);
});

it('leaves a store that it was given to its owner, and refuses what is no setting', async () => {
  const store = await openMemoryStore();
  onTestFinished(() => store.close());
  const server = await startServer({ store, apiSecret: 'mine' });
  expect(server).toMatchObject({ secret: 'mine', store });
  await server.close();
  await store.ping();
  await expect(startServer({ store, apiSecret: '' })).rejects.toThrow(/apiSecret/);
});

it('works as the README shows it', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, code = ''] = /## How to test your service[\s\S]*?```js\n([\s\S]*?)```/.exec(readme) ?? [];
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  onTestFinished(() => log.mockRestore());
  const body = code.replace(/^import .*$/gm, '');
  const AsyncFunction = (async () => {}).constructor as new (
    ...text: string[]
  ) => (...args: unknown[]) => Promise<void>;
  await new AsyncFunction('once', 'Client', 'startServer', body)(once, Client, startServer);
  expect(log.mock.calls[0]).toEqual(['received', 'paid']);
  expect(log.mock.calls.at(-1)?.[0]).toMatchObject([{ id: 1, type: 'paid', data: { order: 17 } }]);
});

it('--store memory says that it keeps nothing', async () => {
  const server = startProcess(['--store', 'memory', '--port', '0'], { API_SECRET: SECRET });
  await server.listening();
  expect(server.stdout).toMatch(/in memory.*nothing is kept when the server stops/);
});

it('leaves routes that its caller adds to the caller', async () => {
  const store = await openMemoryStore();
  const app = buildApp({ store, config: { apiSecret: SECRET } });
  app.register(async (own) => {
    own.get('/mine', async () => 'mine');
  });
  onTestFinished(async () => {
    await app.close();
    await store.close();
  });
  expect((await app.inject('/mine')).body).toBe('mine');
  expect((await app.inject('/events/v1/events')).statusCode).toBe(401);
  expect((await app.inject('/neither')).json()).toMatchObject({ code: 'ResourceNotFound' });
});

it('counts the calls of its store from the start, and until it is closed', async () => {
  const store = await openMemoryStore();
  onTestFinished(() => store.close());
  const count = async (server: RunningServer, outcome: string) => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const line = `events_store_call_duration_seconds_count{call="append",outcome="${outcome}"} `;
    return Number(
      text
        .split('\n')
        .find((each) => each.startsWith(line))
        ?.slice(line.length) ?? Number.NaN,
    );
  };
  await using server = await startServer({ store });
  const counts = () => Promise.all(['ok', 'refused', 'error'].map((outcome) => count(server, outcome)));
  expect(await counts()).toEqual([0, 0, 0]);
  const idempotency = { clientId: 'c', key: 'k' };
  await store.append('a', [{ from: 'f', type: 't' }], { idempotency });
  // Refused, which is no failure of the store.
  await store.append('a', [{ from: 'f', type: 'other' }], { idempotency }).catch(() => {});
  await store.append('a', [{ from: '', type: 't' }]).catch(() => {});
  expect(await counts()).toEqual([1, 2, 0]);
  await store.close();
  await store.append('a', [{ from: 'f', type: 't' }]).catch(() => {});
  expect(await counts()).toEqual([1, 2, 1]);
});
