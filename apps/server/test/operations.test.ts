import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { eventsPlugin } from '@ganomede/events-server';
import { RedisServer } from '@ganomede/events-testing';
import Fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildOperationsApp } from '../src/app.js';
import { createAppContext } from '../src/app-context.js';
import { startProcess } from './support/process.js';
import { BEARER, randomChannel, SECRET, startServer, waitingPolls } from './support/server.js';

/** A server in a process of its own, on a Redis of its own. */
async function startOnRedis(): Promise<{ redis: RedisServer; url: string }> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const server = await startProcess([], {
    API_SECRET: SECRET,
    EVENTS_STORE: 'redis',
    REDIS_URL: redis.url,
  });
  return { redis, url: await server.listening() };
}

describe('health', () => {
  it('is live, and ready while the store can be reached and the server does not stop', async () => {
    const server = await startServer();
    const live = await fetch(`${server.origin}/health/live`);
    expect([live.status, await live.json()]).toEqual([200, { status: 'live' }]);
    const ready = await fetch(`${server.origin}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
  });

  it('is not ready while the store is away, and again when it is back', async () => {
    const { redis, url } = await startOnRedis();
    const ready = async () => (await fetch(`${url}/health/ready`)).status;
    expect(await ready()).toBe(200);
    await redis.kill();
    await expect.poll(ready).toBe(503);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    await redis.restart();
    await expect.poll(ready).toBe(200);
  });

  it('is not ready while the store hangs, and says so before a read gives up', async () => {
    const { redis, url } = await startOnRedis();
    redis.pause();
    const read = fetch(`${url}/events/v1/events?clientId=c&channel=x&timeout=0`, { headers: BEARER });
    const ready = fetch(`${url}/health/ready`);
    expect(await Promise.race([read.then(() => 'the read'), ready.then(({ status }) => status)])).toBe(503);
    redis.resume();
    await expect.poll(async () => (await fetch(`${url}/health/ready`)).status).toBe(200);
    await read;
  });
});

describe('metrics', () => {
  it('count requests, events, waiting polls and store calls', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    await server.read(channel, { after: 0 });
    await fetch(`${server.origin}/nothing`);
    const poll = server.read(channel, { after: 1 });
    await waitingPolls(server.store, 1);

    const response = await fetch(`${server.origin}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    for (const line of [
      'events_http_requests_total{method="POST",route="/events/v1/events",status="200"} 1',
      'events_http_requests_total{method="GET",route="/events/v1/events",status="200"} 1',
      'events_http_requests_total{method="GET",route="unknown",status="404"} 1',
      'events_http_request_duration_seconds_count{method="POST",route="/events/v1/events"} 1',
      'events_published_total 1',
      'events_delivered_total 1',
      'events_waiting_polls 1',
      'events_store_call_duration_seconds_count{call="append",outcome="ok"} 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    expect(text).toContain('process_resident_memory_bytes');
    await server.publish(channel);
    await poll;
  });

  it('show how far behind consumers are, of the channels that METRICS_CONSUMERS names', async () => {
    const channel = randomChannel();
    const names = [channel, `${channel}/a`, `${channel}/b`, `${channel}-other`];
    const server = await startServer({ metricsConsumers: `${channel}, ${channel}/*` });
    for (const name of names) await server.publish(name);
    for (const name of names) await server.store.saveCursor('mailer', name, 0);
    await server.store.saveCursor('mailer', `${channel}:add`, 1);
    const figures = async (metric: string) => {
      const text = await (await fetch(`${server.origin}/metrics`)).text();
      return text.split('\n').filter((line) => line.startsWith(`${metric}{`));
    };
    const lag = (name: string, value: number) =>
      `events_consumer_lag{channel="${name}",client_id="mailer"} ${value}`;
    const expected = [lag(channel, 1), lag(`${channel}:add`, 0), ...names.slice(1, 3).map((n) => lag(n, 1))];
    expect((await figures('events_consumer_lag')).sort()).toEqual(expected.sort());
    expect(await figures('events_consumer_behind_seconds')).toHaveLength(4);
    await server.store.saveGroup(channel, 'billing', { maxPending: 1 });
    await server.store.receive(channel, 'billing', { clientId: 'b', limit: 1, timeoutMs: 0 });
    const ofGroup = async (metric: string) => (await figures(`events_group_${metric}`)).join('\n');
    const labels = `{channel="${channel}",group="billing"}`;
    expect(await ofGroup('lag')).toBe(`events_group_lag${labels} 0`);
    expect(await ofGroup('pending')).toBe(`events_group_pending${labels} 1`);
    expect(await ofGroup('full')).toBe(`events_group_full${labels} 1`);
    await server.store.deleteConsumer('mailer', channel);
    expect(await figures('events_consumer_lag')).toHaveLength(3);
    const without = await startServer();
    expect(await (await fetch(`${without.origin}/metrics`)).text()).not.toContain('events_consumer_');
  });

  it('can have a port of their own, with the health', async () => {
    const server = await startProcess([], {
      API_SECRET: SECRET,
      METRICS_PORT: '0',
      METRICS_HOST: '127.0.0.1',
    });
    const url = await server.listening();
    const operations = server.log.find(({ msg }) => msg === 'health and metrics')?.url as string;
    for (const path of ['/metrics', '/health/live', '/health/ready']) {
      expect((await fetch(operations + path)).status).toBe(200);
      expect((await fetch(url + path)).status).toBe(404);
    }
    expect((await fetch(`${operations}/about`)).status).toBe(404);
    server.child.kill('SIGTERM');
    expect(await server.exited()).toBe(0);
  });
});

it('StatsD gets a count and a time for each request, where all its settings are there', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  const packets: string[] = [];
  socket.on('message', (packet) => packets.push(...packet.toString().split('\n')));
  const server = await startServer({
    statsdHost: '127.0.0.1',
    statsdPort: socket.address().port,
    statsdPrefix: 'ganomede.events.',
  });
  await fetch(`${server.origin}/events/v1/ping/x`);
  await expect.poll(() => packets.length).toBe(2);
  expect(packets).toContain('ganomede.events.route.geteventsv1pingtoken.status.200:1|c');
  expect(packets.join()).toMatch(/ganomede\.events\.route\.geteventsv1pingtoken\.time:[\d.]+\|ms/);
});

it('all of it can be mounted in another Fastify app, under any prefix', async () => {
  const { store } = await startServer();
  const app = Fastify();
  app.get('/', async () => 'theirs');
  app.register(eventsPlugin, { prefix: '/some/where', store, apiSecret: SECRET });
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => app.close());
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const status = async (path: string) => (await fetch(origin + path)).status;
  expect(await (await fetch(origin)).text()).toBe('theirs');
  expect(
    await status(`/some/where/events?clientId=c&channel=x&timeout=0&secret=${encodeURIComponent(SECRET)}`),
  ).toBe(200);
  expect(await status('/some/where/events?clientId=c&channel=x')).toBe(401);
  for (const path of ['/ping/x', '/about', '/health/live', '/health/ready', '/metrics']) {
    expect(await status(`/some/where${path}`), path).toBe(200);
  }
  expect(await (await fetch(`${origin}/some/where/nothing`)).json()).toMatchObject({
    code: 'ResourceNotFound',
  });
  expect(await (await fetch(`${origin}/nothing`)).json()).not.toHaveProperty('code');
});

it('the app of health and metrics has nothing else', async () => {
  const { store } = await startServer();
  const app = buildOperationsApp(createAppContext(store, {}));
  onTestFinished(() => app.close());
  expect((await app.inject('/health/live')).statusCode).toBe(200);
  expect((await app.inject('/events/v1/events')).statusCode).toBe(404);
});
