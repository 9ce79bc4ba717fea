// A running system moves from the original's server to this project's: what is stored, what is published meanwhile, and those
// who are reading.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Client, IndexerClient } from '@ganomede/events-client';
import type { Event } from '@ganomede/events-protocol';
import type { Storage } from '@ganomede/events-store';
import { openLmdbStorage } from '@ganomede/events-store-lmdb';
import { type MigrationProgress, migrateOriginal, openRedisStorage } from '@ganomede/events-store-redis';
import {
  freePort,
  type Process,
  RedisCluster,
  RedisServer,
  ServerProcess,
  TemporaryFolder,
  until,
} from '@ganomede/events-testing';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { allEvents } from './support/all-events.js';
import { nodeOfOriginal, startOriginal } from './support/original-server.js';
import { SECRET } from './support/server.js';

/** The one that is published to all the time, and one that is quiet. */
const LIVE = 'orders';
const QUIET = 'users/v1';
/** Events that are there before anybody reads. */
const OLD_EVENTS = 1_500;
const PUBLISHERS = 3;
const LONG_MS = 60_000;

const event = (n: number | string) => ({
  from: 'test',
  type: 'add',
  data: { n: `${n}`, who: ['alice', 'bob'][Number(n) % 2] ?? 'x' },
});

let node: string;

beforeAll(async () => {
  node = await nodeOfOriginal();
}, 300_000);

/** What the data go to, and the settings of a server on it. */
interface Target extends AsyncDisposable {
  open(): Promise<Storage>;
  readonly env: Record<string, string>;
}

async function inPlace(redis: RedisServer): Promise<Target> {
  return {
    open: () => openRedisStorage({ url: redis.url }),
    env: { REDIS_URL: redis.url },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function folder(): Promise<Target> {
  const temporary = new TemporaryFolder();
  const path = join(temporary.path, 'data');
  return {
    open: () => openLmdbStorage({ dataDir: path }),
    env: { EVENTS_STORE: 'embedded', DATA_DIR: path },
    [Symbol.asyncDispose]: async () => temporary.remove(),
  };
}

async function cluster(): Promise<Target> {
  const servers = await RedisCluster.start();
  return {
    open: () => openRedisStorage({ cluster: servers.nodes }),
    env: { REDIS_CLUSTER_NODES: servers.nodes.join(',') },
    [Symbol.asyncDispose]: () => servers.stop(),
  };
}

/** Somebody who receives everything of both channels in order, and says how often it was refused. */
interface Consumer {
  readonly received: ReadonlyMap<string, number[]>;
  end(): Promise<void>;
}

const channels = [LIVE, QUIET];

function ourConsumer(clientId: string, port: number): Consumer {
  const client = new Client(clientId, {
    url: `http://127.0.0.1:${port}`,
    secret: SECRET,
    retryBaseMs: 20,
    retryMaxMs: 100,
  });
  // 1.5.3 answers 500 where it is to wait, and nothing at all once it is gone.
  client.on('error', () => {});
  const received = new Map(channels.map((channel) => [channel, [] as number[]]));
  for (const channel of channels) client.on(channel, ({ id }) => void received.get(channel)?.push(id));
  return { received, end: () => client.close() };
}

interface OriginalClient {
  on(channel: string, handler: (event: Event) => void): void;
  removeListener(channel: string, handler: (event: Event) => void): void;
  once(event: 'drain', handler: () => void): void;
}

function theirConsumer(clientId: string, port: number): Consumer {
  // It reads the whole environment of its server when it is loaded.
  process.env.API_SECRET ??= 'not used by the client';
  const { Client: TheirClient } = createRequire(import.meta.url)('ganomede-events') as {
    Client: new (clientId: string, options: object) => OriginalClient;
  };
  const client = new TheirClient(clientId, { secret: SECRET, protocol: 'http', hostname: '127.0.0.1', port });
  client.on('error', () => {});
  const received = new Map(channels.map((channel) => [channel, [] as number[]]));
  const handlers = channels.map(
    (channel) =>
      ({ id }: Event) =>
        void received.get(channel)?.push(id),
  );
  for (const [i, channel] of channels.entries()) client.on(channel, handlers[i] as (event: Event) => void);
  const end = async () => {
    const drained = new Promise<void>((resolve) => client.once('drain', resolve));
    for (const [i, channel] of channels.entries())
      client.removeListener(channel, handlers[i] as (event: Event) => void);
    await drained;
  };
  return { received, end };
}

/** Publishers that never pause, whatever becomes of the server. */
class Publishers {
  /** What is stored under each id, as they were told. */
  readonly acknowledged = new Map<number, string>();
  readonly #clients: Client[] = [];
  readonly #running: Promise<unknown>;
  #stopped = false;

  constructor(port: number) {
    this.#running = Promise.all(Array.from({ length: PUBLISHERS }, (_, i) => this.#publish(i, port)));
  }

  async #publish(publisher: number, port: number): Promise<void> {
    const url = `http://127.0.0.1:${port}`;
    const client = new Client(`publisher:${publisher}`, {
      url,
      secret: SECRET,
      unreachableMs: LONG_MS,
      retryMaxMs: 100,
    });
    this.#clients.push(client);
    for (let n = 1; !this.#stopped; n++) {
      const what = `${publisher}/${n}`;
      const { id } = await client.send(LIVE, event(what));
      this.acknowledged.set(id, what);
      // So that it is no race of publishers and the rest of the machine.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async more(count: number): Promise<void> {
    const enough = this.acknowledged.size + count;
    await until(`${count} more are published`, () => this.acknowledged.size >= enough, LONG_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

/** What a server says of the channel that is quiet. */
async function quietAnswers(port: number): Promise<unknown> {
  const url = `http://127.0.0.1:${port}`;
  await using client = new Client('who looks', { url, secret: SECRET });
  const indexer = new IndexerClient({ protocol: 'http', hostname: '127.0.0.1', port, secret: SECRET });
  return {
    latest: [await client.getLatestEvents(QUIET), await client.getLatestEvents(QUIET, 7)],
    alice: await indexer.getIndexEvents('by-who', 'alice'),
    nobody: await indexer.getIndexEvents('by-who', 'nobody'),
  };
}

/** A read as somebody makes it who keeps no cursor. */
async function read(port: number, query: Record<string, string>): Promise<number[]> {
  const search = new URLSearchParams({
    secret: SECRET,
    clientId: 'one:that:was:stopped',
    channel: QUIET,
    ...query,
  });
  const answer = await fetch(`http://127.0.0.1:${port}/events/v1/events?${search}`);
  return ((await answer.json()) as Event[]).map(({ id }) => id);
}

it.each([
  ['the same Redis', inPlace],
  ['a folder', folder],
  ['a Redis Cluster', cluster],
])(
  'a system moves into %s: nothing is lost, repeated or out of order for anybody',
  async (_, makeTarget) => {
    await using redis = await RedisServer.start();
    await using target = await makeTarget(redis);
    const port = await freePort();
    const original: Process = await startOriginal({ node, secret: SECRET, port, redis });
    onTestFinished(() => original[Symbol.asyncDispose]());
    await fill(port, redis);

    const consumers = [ourConsumer('ours:1', port), theirConsumer('theirs:1:a', port)];
    onTestFinished(() => Promise.all(consumers.map((consumer) => consumer.end())).then(() => {}));
    const publishers = new Publishers(port);
    onTestFinished(() => publishers.stop());
    expect(await read(port, { after: '0', limit: '50' })).toHaveLength(50);
    const seen = (await read(port, { after: '50', limit: '50' })).at(-1) ?? 0;
    await read(port, { after: String(seen), limit: '1' });
    await publishers.more(50);
    const before = await quietAnswers(port);

    // Somebody takes ids all the time, and stores nothing.
    const gaps = setInterval(() => void redis.admin.incr(`indices:${LIVE}`), 100);
    onTestFinished(() => clearInterval(gaps));
    const storage = await target.open();
    let isOpen = true;
    onTestFinished(() => (isOpen ? storage.close() : undefined));
    const switched = new AbortController();
    let phase: MigrationProgress['phase'] | undefined;
    const migrating = migrateOriginal({
      from: { url: redis.url },
      to: storage,
      settleMs: 1_000,
      followUntil: switched.signal,
      onProgress: (progress) => {
        phase = progress.phase;
      },
    });
    await until('all is brought that there was', () => phase === 'following', LONG_MS);
    await publishers.more(50);

    await original.stop('SIGKILL');
    clearInterval(gaps);
    switched.abort();
    const report = await migrating;
    expect(report.problems).toEqual([]);
    expect(report.channels.map(({ channel, keepsIds }) => [channel, keepsIds])).toEqual([
      [LIVE, true],
      [QUIET, true],
    ]);
    isOpen = false;
    await storage.close();
    // What the original has not delivered itself, since it had not stored it when it delivered a later one, is not to come back.
    const delivered = consumers.map(({ received }) => [...(received.get(LIVE) ?? [])]);
    const ours = new ServerProcess(['--host', '127.0.0.1', '--port', String(port)], {
      env: { API_SECRET: SECRET, POLL_TIMEOUT: '500', ...target.env },
    });
    onTestFinished(() => ours[Symbol.asyncDispose]());
    await ours.listening();

    expect(await quietAnswers(port)).toEqual(before);
    await publishers.more(50);
    await publishers.stop();
    const url = `http://127.0.0.1:${port}`;
    const stored = await allEvents(url, LIVE);
    const ids = stored.map(({ id }) => id);
    const numbers = new Map(stored.map(({ id, data }) => [id, `${data.n}`]));
    for (const [id, what] of publishers.acknowledged) expect(numbers.get(id)).toBe(what);
    // Whoever was not answered when the original went has sent again.
    expect(ids.length - new Set(numbers.values()).size).toBeLessThanOrEqual(PUBLISHERS);
    const quiet = (await allEvents(url, QUIET)).map(({ id }) => id);
    for (const [i, { received }] of consumers.entries()) {
      await until('everything has come', () => received.get(LIVE)?.at(-1) === ids.at(-1), LONG_MS);
      const before = delivered[i] ?? [];
      expect(before.filter((id, k) => id <= (before[k - 1] ?? 0) || !numbers.has(id))).toEqual([]);
      expect(received.get(LIVE)).toEqual([...before, ...ids.filter((id) => id > (before.at(-1) ?? 0))]);
      expect(received.get(QUIET)).toEqual(quiet);
    }
    expect(await read(port, { limit: '10' })).toEqual(quiet.filter((id) => id > seen).slice(0, 10));
  },
  240_000,
);

/** Events of both channels, with ids that have none, and an index. */
async function fill(port: number, redis: RedisServer): Promise<void> {
  const url = `http://127.0.0.1:${port}`;
  await using client = new Client('filler', { url, secret: SECRET });
  for (const channel of channels) {
    for (let n = 1; n <= OLD_EVENTS; n += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => client.send(channel, event(n + i))));
      await redis.admin.incrby(`indices:${channel}`, n % 3);
    }
  }
  const indexer = new IndexerClient({ protocol: 'http', hostname: '127.0.0.1', port, secret: SECRET });
  await indexer.createIndex('by-who', QUIET, 'data.who');
}
