// Servers that are killed with kill -9 in the middle of sends that share requests, and started again.

import { join } from 'node:path';
import { Client } from '@ganomede/events-client';
import {
  Balancer,
  HoldingProxy,
  RedisServer,
  RestartableServer,
  TemporaryFolder,
  until,
} from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { allEvents } from './support/all-events.js';
import { OverlappingSends } from './support/overlapping-sends.js';
import { SECRET } from './support/server.js';

const event = (n: number) => ({ from: 'test', type: 'add', data: { n } });
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('one server on the embedded store', () => {
  async function setUp() {
    const folder = new TemporaryFolder();
    const dataDir = join(folder.path, 'data');
    const server = await RestartableServer.start({
      API_SECRET: SECRET,
      EVENTS_STORE: 'embedded',
      DATA_DIR: dataDir,
    });
    return {
      server,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        folder.remove();
      },
    };
  }

  it('killed: every send succeeds, and is stored once, in the order of the calls', async () => {
    await using setup = await setUp();
    const { server } = setup;
    await using sends = new OverlappingSends(server.url, 'sender');
    for (const count of [150, 7, 400, 31]) {
      await sends.more(count);
      expect(await server.stop('SIGKILL')).toBe(null);
      await server.start();
    }
    await sends.more(200);
    await sends.finish();
    await sends.expectAllStored(server.url);
  });

  it('killed when a shared request is stored and its answer on its way: nothing is stored twice or reordered', async () => {
    await using setup = await setUp();
    const { server } = setup;
    await using proxy = await HoldingProxy.start(server.port);
    await using client = new Client('sender', { url: proxy.url, secret: SECRET, retryMaxMs: 500 });
    const stored = async (channel: string) =>
      (await allEvents(server.url, channel)).map(({ data }) => data.n);
    proxy.hold();
    const sent = numbers(40).flatMap((n) => [client.send('a', event(n)), client.send('b', event(n))]);
    await until('the request is stored', async () => (await stored('b')).length === 40);
    const later = numbers(20).map((n) => client.send('a', event(n + 40)));
    await server.stop('SIGKILL');
    proxy.lose();
    await server.start();
    await Promise.all([...sent, ...later]);
    expect(await stored('a')).toEqual(numbers(60));
    expect(await stored('b')).toEqual(numbers(40));
  });
});

describe('two servers on one Redis, behind a balancer', () => {
  async function setUp() {
    const redis = await RedisServer.start();
    const way = await HoldingProxy.start(redis.port);
    const at = (port: number) =>
      RestartableServer.start({
        API_SECRET: SECRET,
        EVENTS_STORE: 'redis',
        REDIS_URL: `redis://127.0.0.1:${port}`,
      });
    const servers = [await at(way.port), await at(redis.port)] as const;
    return {
      servers,
      /** From the first server to Redis. */
      way,
      async [Symbol.asyncDispose]() {
        await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
        await way.stop();
        await redis.stop();
      },
    };
  }

  it.each([
    ['', {}],
    [', and answers are lost', { losesOneIn: 10 }],
  ])(
    'either is killed%s: every send succeeds, and is stored once, in the order of the calls',
    async (_what, options) => {
      await using setup = await setUp();
      const { servers } = setup;
      await using balancer = await Balancer.before(servers, options);
      await using sends = new OverlappingSends(balancer.url, 'sender');
      for (let round = 0; round < 2; round += 1) {
        for (const server of servers) {
          await sends.more(100);
          await server.stop('SIGKILL');
          await sends.more(50);
          await server.start();
        }
      }
      await sends.more(100);
      await sends.finish();
      await sends.expectAllStored(balancer.url);
    },
  );

  it('one of them from before there were shared requests, and either is killed: the same', async () => {
    await using setup = await setUp();
    const { servers } = setup;
    await using balancer = await Balancer.before(servers, { older: servers.slice(0, 1), losesOneIn: 10 });
    for (const [round, server] of servers.entries()) {
      // New ones begin with shared requests: those that the older server refuses may be stored by the other.
      const senders = numbers(4).map((n) => new OverlappingSends(balancer.url, `sender ${round}.${n}`));
      try {
        await Promise.all(senders.map((sends) => sends.more(40)));
        await server.stop('SIGKILL');
        await Promise.all(senders.map((sends) => sends.more(20)));
        await server.start();
        await Promise.all(senders.map((sends) => sends.more(20)));
        for (const sends of senders) await sends.finish();
        for (const sends of senders) await sends.expectAllStored(balancer.url);
      } finally {
        await Promise.all(senders.map((sends) => sends[Symbol.asyncDispose]()));
      }
    }
  });

  it.each([
    ['knows shared requests', false],
    ['does not know shared requests', true],
  ])(
    'one is killed when Redis has stored a shared request, and the other %s: nothing is stored twice or reordered',
    async (_what, isOld) => {
      await using setup = await setUp();
      const { servers, way } = setup;
      const [first, second] = servers;
      // In turn: requests 1, 3, … to the first.
      await using balancer = await Balancer.before(servers, { older: isOld ? [second] : [] });
      await using client = new Client('sender', { url: balancer.url, secret: SECRET, retryMaxMs: 500 });
      way.hold();
      const sent = numbers(40).map((n) => client.send('a', event(n)));
      await until('the request is stored', async () => (await allEvents(second.url, 'a')).length === 40);
      const later = numbers(20).map((n) => client.send('a', event(n + 40)));
      await first.stop('SIGKILL');
      await Promise.all([...sent, ...later]);
      expect((await allEvents(second.url, 'a')).map(({ data }) => data.n)).toEqual(numbers(60));
      way.release();
    },
  );
});
