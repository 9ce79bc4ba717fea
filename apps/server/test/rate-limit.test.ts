import { Client } from '@ganomede/events-client';
import { eventsPlugin } from '@ganomede/events-server';
import { openMemoryStore } from '@ganomede/events-store/memory';
import Fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { randomChannel, SECRET, startServer, waitingPolls } from './support/server.js';

it('answers 429 with Retry-After beyond RATE_LIMIT, and says why', async () => {
  const server = await startServer({ rateLimit: '2/1m' });
  expect((await server.fetch('/latest?channel=a')).status).toBe(200);
  // A request that is refused for another reason counts too.
  expect((await server.fetch('/latest?channel=')).status).toBe(400);
  const refused = await server.fetch('/latest?channel=a');
  expect(refused.status).toBe(429);
  expect(await refused.json()).toEqual({
    code: 'TooManyRequests',
    message: 'Too many requests: expected at most 2/1m (RATE_LIMIT)',
  });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
});

it('counts a poll once however long it waits, and what needs no secret not at all', async () => {
  const server = await startServer({ rateLimit: '2/1m' });
  const channel = randomChannel();
  const poll = server.read(channel);
  await waitingPolls(server.store, 1);
  for (const path of ['/ping/x', '/about', '/ping/x']) {
    expect((await server.fetch(path)).status).toBe(200);
  }
  expect((await fetch(`${server.origin}/health/ready`)).status).toBe(200);
  await server.publish(channel);
  expect(await poll).toHaveLength(1);
  expect((await server.fetch(`/latest?channel=${channel}`)).status).toBe(429);
});

it('counts each address by itself', async () => {
  const server = await startServer({ rateLimit: '1/1m', trustProxy: 'loopback' });
  const from = async (address: string) =>
    (await server.fetch('/latest?channel=a', { headers: { 'X-Forwarded-For': address } })).status;
  expect(await from('10.0.0.1')).toBe(200);
  expect(await from('10.0.0.2')).toBe(200);
  expect(await from('10.0.0.1')).toBe(429);
  // One machine has many addresses of this kind.
  expect(await from('2001:db8::1')).toBe(200);
  expect(await from('2001:db8::2')).toBe(429);
});

it('is obeyed by the client, which comes back when it may', async () => {
  const server = await startServer({ rateLimit: '1/1s' });
  const client = new Client('patient', { url: server.origin, secret: SECRET });
  onTestFinished(() => client.close());
  const channel = randomChannel();
  const sent = await Promise.all([
    client.send(channel, { from: 'f', type: 't' }).then(({ id }) => id),
    new Promise((resolve) => setImmediate(resolve)).then(async () => {
      const { id } = await client.send(channel, { from: 'f', type: 't' });
      return id;
    }),
  ]);
  expect(sent.sort()).toEqual([1, 2]);
});

it('is refused if it is no rate', async () => {
  const store = await openMemoryStore();
  onTestFinished(() => store.close());
  const app = Fastify();
  app.register(eventsPlugin, { store, apiSecret: SECRET, rateLimit: 'often' });
  await expect(app.ready()).rejects.toThrow('Invalid rateLimit: expected a rate such as 200/1s');
});
