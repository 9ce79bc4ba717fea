// Servers that are stopped, killed and started again while clients publish and consume through them.

import http from 'node:http';
import { join } from 'node:path';
import { Client } from '@ganomede/events-client';
import { Balancer, RedisServer, RestartableServer, TemporaryFolder } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';

const SECRET = 'a secret of the end-to-end tests';
const CHANNEL = 'load/v1';
const PUBLISHERS = 4;

/** Publishers that never pause, and consumers: two with handlers, one with a loop. */
class Load implements AsyncDisposable {
  /** What is stored under each id, by the account of its publisher. */
  readonly sent = new Map<number, string>();
  readonly sendErrors: unknown[] = [];
  readonly readErrors: unknown[] = [];
  readonly received: Record<'first' | 'second' | 'loop', { id: number; what: string }[]> = {
    first: [],
    second: [],
    loop: [],
  };
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #clients: Client[] = [];
  readonly #running: Promise<unknown>[];
  #stopped = false;

  constructor(url: string) {
    for (const name of ['first', 'second'] as const) {
      const client = this.#client(name, url);
      client.on(CHANNEL, ({ id, data }) => this.received[name].push({ id, what: data.what }));
    }
    const loop = this.#client('loop', url);
    const reading = (async () => {
      for await (const { id, data } of loop.stream(CHANNEL)) this.received.loop.push({ id, what: data.what });
    })();
    reading.catch((error) => this.readErrors.push(error));
    this.#running = Array.from({ length: PUBLISHERS }, (_, n) => this.#publish(n, url));
  }

  #client(id: string, url: string): Client {
    const client = new Client(id, { url, secret: SECRET, agent: this.#agent, retryMaxMs: 500 });
    client.on('error', (error) => this.readErrors.push(error));
    this.#clients.push(client);
    return client;
  }

  async #publish(publisher: number, url: string): Promise<void> {
    const client = this.#client(`publisher ${publisher}`, url);
    let lastId = 0;
    for (let n = 1; !this.#stopped; n += 1) {
      const what = `${publisher}/${n}`;
      const event = { from: 'test', type: 'add', data: { what } };
      try {
        const headers =
          n % 5 === 0 ? await client.sendBatch(CHANNEL, [event, event]) : [await client.send(CHANNEL, event)];
        for (const { id } of headers) {
          if (this.sent.has(id) || id <= lastId) throw new Error(`id ${id} is given twice, or not in order`);
          this.sent.set(id, what);
          lastId = id;
        }
      } catch (error) {
        this.sendErrors.push(error);
      }
    }
  }

  /** Resolves once so many more events are published, so that something is going on. */
  async more(count: number): Promise<void> {
    const until = this.sent.size + count;
    while (this.sent.size < until) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Ends the publishing; resolves once all consumers have the last event. */
  async finish(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    const lastId = Math.max(...this.sent.keys());
    const isBehind = () => Object.values(this.received).some((events) => (events.at(-1)?.id ?? 0) < lastId);
    while (isBehind()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** What each consumer has to have received: ids without a gap, each once, with what was sent. */
  expectAll(): void {
    const all = [...this.sent].map(([id, what]) => ({ id, what })).sort((a, b) => a.id - b.id);
    expect(all.map(({ id }) => id)).toEqual(all.map((_, n) => n + 1));
    for (const events of Object.values(this.received)) expect(events).toEqual(all);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.#running);
    this.#agent.destroy();
  }
}

describe('two servers on one Redis, behind a balancer', () => {
  async function setUp() {
    const redis = await RedisServer.start();
    const env = { API_SECRET: SECRET, EVENTS_STORE: 'redis', REDIS_URL: redis.url };
    const servers = await Promise.all([RestartableServer.start(env), RestartableServer.start(env)]);
    return {
      servers,
      async [Symbol.asyncDispose]() {
        await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
        await redis.stop();
      },
    };
  }

  it('rolling restart: nobody sees an error; nothing is lost, repeated or reordered', async () => {
    await using setup = await setUp();
    const { servers } = setup;
    await using balancer = await Balancer.before(servers);
    await using load = new Load(balancer.url);
    for (let round = 0; round < 3; round += 1) {
      for (const server of servers) {
        await load.more(100);
        expect(await server.stop('SIGTERM')).toBe(0);
        await load.more(50);
        await server.start();
      }
    }
    await load.more(100);
    await load.finish();
    expect(load.sendErrors).toEqual([]);
    expect(load.readErrors).toEqual([]);
    load.expectAll();
  });

  it('one of them from before there were shared requests, and kill -9 of either: nothing is lost, nothing is stored twice', async () => {
    await using setup = await setUp();
    const { servers } = setup;
    await using balancer = await Balancer.before(servers, { older: servers.slice(0, 1) });
    await using load = new Load(balancer.url);
    for (const server of servers) {
      await load.more(100);
      await server.stop('SIGKILL');
      await load.more(50);
      await server.start();
    }
    await load.more(100);
    await load.finish();
    expect(load.sendErrors).toEqual([]);
    load.expectAll();
  });

  it('kill -9, and answers that are lost: nothing is lost, nothing is stored twice', async () => {
    await using setup = await setUp();
    const { servers } = setup;
    await using balancer = await Balancer.before(servers, { losesOneIn: 10 });
    await using load = new Load(balancer.url);
    for (let round = 0; round < 3; round += 1) {
      for (const server of servers) {
        await load.more(100);
        await server.stop('SIGKILL');
        await load.more(50);
        await server.start();
      }
    }
    await load.more(100);
    await load.finish();
    expect(load.sendErrors).toEqual([]);
    load.expectAll();
  });
});

describe('one server on the embedded store', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    '%s, and started again: sends wait; nothing is lost, repeated or stored twice',
    async (signal) => {
      using folder = new TemporaryFolder();
      const env = { API_SECRET: SECRET, EVENTS_STORE: 'embedded', DATA_DIR: join(folder.path, 'data') };
      await using server = await RestartableServer.start(env);
      await using load = new Load(server.url);
      for (let round = 0; round < 3; round += 1) {
        await load.more(100);
        expect(await server.stop(signal)).toBe(signal === 'SIGTERM' ? 0 : null);
        await server.start();
      }
      await load.more(50);
      await load.finish();
      expect(load.sendErrors).toEqual([]);
      load.expectAll();
    },
  );
});
