import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildApp } from '@ganomede/events-server';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { expect, test } from 'vitest';
import { Client, type ClientOptions, type RequestError } from '../src/index.js';
import { cleanUp, emitted } from './setup.js';

const secret = 's3cret';

async function start(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'events-client-'));
  cleanUp(() => rm(dataDir, { recursive: true }));
  const store = await openLmdbStore({ dataDir });
  cleanUp(() => store.close());
  const app = buildApp({ store, config: { apiSecret: secret, pollTimeoutMs: 2000 } });
  cleanUp(() => app.close());
  await app.listen({ port: 0, host: '127.0.0.1' });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

function clientOf(clientId: string, options: ClientOptions): Client {
  const client = new Client(clientId, options);
  cleanUp(() => client.close());
  return client;
}

/** Resolves with the ids of `count` events, in the order in which they came. */
function received(client: Client, channel: string, count: number): Promise<number[]> {
  return new Promise((resolve) => {
    const ids: number[] = [];
    client.on(channel, ({ id }) => {
      ids.push(id);
      if (ids.length === count) resolve(ids);
    });
  });
}

test('what is sent while somebody listens arrives, all of it, in order, by type too', async () => {
  const url = await start();
  const client = clientOf('mailer', { url, secret });
  const all = received(client, 'users/v1', 300);
  const added = received(client, 'users/v1:add', 150);
  const sent = Array.from({ length: 300 }, (_, n) =>
    client.send('users/v1', { from: 'test', type: n % 2 === 0 ? 'add' : 'remove', data: { n } }),
  );
  const headers = await Promise.all(sent);
  const ids = Array.from({ length: 300 }, (_, n) => n + 1);
  expect(headers.map(({ id }) => id).sort((a, b) => a - b)).toEqual(ids);
  expect(await all).toEqual(ids);
  const addedIds = headers.filter((_, n) => n % 2 === 0).map(({ id }) => id);
  expect(await added).toEqual(addedIds.sort((a, b) => a - b));
});

test('another client with the same id goes on where the first one was', async () => {
  const url = await start();
  const first = clientOf('mailer', { url, secret, limit: 2 });
  for (let n = 0; n < 5; n += 1) await first.send('a', { from: 'test', type: 'add' });
  const got: number[] = [];
  first.on('a', ({ id }) => got.push(id));
  // The third request acknowledges the events of the first two.
  await emitted(first, 'cycle', 3);
  await first.close();
  expect(got).toEqual([1, 2, 3, 4, 5]);
  const second = clientOf('mailer', { url, secret });
  expect(await received(second, 'a', 1)).toEqual([5]);
});

test('a wrong secret is an error with the code of the server', async () => {
  const client = clientOf('mailer', { url: await start(), secret: 'wrong' });
  const reported = emitted(client, 'error');
  client.on('a', () => {});
  const [error] = (await reported) as [RequestError];
  expect(error).toMatchObject({ code: 'InvalidCredentialsError', statusCode: 401, maybeProcessed: false });
  await expect(client.send('a', { from: 'x', type: 'y' })).rejects.toMatchObject({
    code: 'InvalidCredentialsError',
  });
});
