// A store that came back older or empty, over HTTP: no event that it has is skipped, and every rewind is told.

import { copyFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Event } from '@ganomede/events-protocol';
import { buildApp } from '@ganomede/events-server';
import type { EventStore } from '@ganomede/events-store';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { createRedisStore } from '@ganomede/events-store-redis';
import { RedisServer, TemporaryFolder } from '@ganomede/events-testing';
import type { FastifyInstance } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { BEARER, SECRET } from './support/server.js';

const channel = 'restored';

/** A server on a folder of its own, which can be put back to what it was. */
class RestorableServer {
  readonly #folder = new TemporaryFolder();
  #store: EventStore | undefined;
  #app: FastifyInstance | undefined;

  static async start(): Promise<RestorableServer> {
    const server = new RestorableServer();
    onTestFinished(async () => {
      await server.stop();
      server.#folder.remove();
    });
    await server.#start();
    return server;
  }

  async #start(): Promise<void> {
    this.#store = await openLmdbStore({ dataDir: this.#folder.path });
    this.#app = await listening(this.#store);
  }

  get origin(): string {
    return originOf(this.#app as FastifyInstance);
  }

  /** So many events, numbered from `first`. */
  append(count: number, first: number): Promise<unknown> {
    return append(this.#store, count, first);
  }

  async stop(): Promise<void> {
    await this.#app?.close();
    await this.#store?.close();
  }

  /** Takes a copy; what is returned puts it in the place of what is there then. */
  backUp(): () => Promise<void> {
    const [file, copy] = ['events.mdb', 'copy'].map((name) => join(this.#folder.path, name)) as [
      string,
      string,
    ];
    copyFileSync(file, copy);
    return async () => {
      await this.stop();
      rmSync(`${file}-lock`, { force: true });
      copyFileSync(copy, file);
      await this.#start();
    };
  }
}

async function listening(store: EventStore): Promise<FastifyInstance> {
  const app = buildApp({ store, config: { apiSecret: SECRET, pollTimeoutMs: 10_000 } });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app;
}

const originOf = (app: FastifyInstance) => `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

const append = async (store: EventStore | undefined, count: number, first: number) =>
  store?.append(
    channel,
    Array.from({ length: count }, (_, i) => ({ from: 'test', type: 'add', data: { n: first + i } })),
  );

interface Answer {
  readonly status: number;
  readonly numbers: number[];
  readonly epoch: string | null;
  readonly rewound: string | null;
  readonly lastId: string | null;
}

async function read(
  { origin }: { readonly origin: string },
  query: Record<string, string | number> = {},
  path = 'events',
): Promise<Answer> {
  const params = new URLSearchParams({ clientId: 'reader', channel, timeout: '0' });
  for (const [name, value] of Object.entries(query)) params.set(name, String(value));
  const { status, headers, ...response } = await fetch(`${origin}/events/v1/${path}?${params}`, {
    headers: BEARER,
  }).then(async (found) => ({ status: found.status, headers: found.headers, json: await found.json() }));
  return {
    status,
    numbers: status === 200 ? (response.json as Event[]).map(({ data }) => (data as { n: number }).n) : [],
    epoch: headers.get('Events-Epoch'),
    rewound: headers.get('Events-Rewound'),
    lastId: headers.get('Events-Last-Id'),
  };
}

/** The messages of an event stream, as text without comments and `retry`. */
async function* messages(origin: string, query: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${origin}/events/v1/events?clientId=streamer&channel=${channel}${query}`, {
    headers: { ...BEARER, ...headers, Accept: 'text/event-stream' },
  });
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) if (/^data:/m.test(part)) yield part;
  }
}

async function take(stream: AsyncGenerator<string>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) taken.push((await stream.next()).value as string);
  return taken;
}

it('every answer tells an epoch, and none of a channel without events', async () => {
  const server = await RestorableServer.start();
  expect(await read(server, { after: 0 })).toMatchObject({ status: 200, epoch: null });
  await server.append(2, 1);
  const { epoch } = await read(server, { after: 0 });
  expect(epoch).toMatch(/^[\w.-]{1,100}$/);
  for (const answer of [
    await read(server, { after: 2, epoch: epoch ?? '' }),
    await read(server, { after: 1 }),
    await read(server),
    await read(server, {}, 'latest'),
  ]) {
    expect(answer).toMatchObject({ status: 200, epoch, rewound: null });
  }
});

it('a cursor with its epoch is taken back to what is still there, and told so once', async () => {
  const server = await RestorableServer.start();
  await server.append(3, 1);
  const restore = server.backUp();
  await server.append(2, 4);
  const { epoch, numbers } = await read(server, { after: 0 });
  expect(numbers).toEqual([1, 2, 3, 4, 5]);
  await restore();
  await server.append(3, 101);

  const again = await read(server, { after: 5, epoch: epoch ?? '' });
  expect(again).toMatchObject({ numbers: [101, 102, 103], rewound: '5; 3', lastId: '6' });
  expect(again.epoch).not.toBe(epoch);
  const next = await read(server, { after: 6, epoch: again.epoch ?? '' });
  expect(next).toMatchObject({ numbers: [], rewound: null });
});

/** A reader that tells no epochs has seen 1 to 5; the store comes back with 1 to 3, and gets so many others, from 101 on. */
async function restoredBehindReader(others: number): Promise<RestorableServer> {
  const server = await RestorableServer.start();
  await server.append(3, 1);
  expect(await read(server, { after: 0 })).toMatchObject({ numbers: [1, 2, 3] });
  const restore = server.backUp();
  await server.append(2, 4);
  expect(await read(server, { after: 3 })).toMatchObject({ numbers: [4, 5] });
  await restore();
  await server.append(others, 101);
  return server;
}

it('a consumer that knows no epochs is judged by what was saved with its cursor', async () => {
  const server = await restoredBehindReader(3);

  expect(await read(server, { after: 5 })).toMatchObject({ numbers: [101, 102, 103], rewound: '5; 3' });
  expect(await read(server, { after: 6 })).toMatchObject({ numbers: [], rewound: null });
  // A restart that loses nothing is nothing to tell.
  const restart = server.backUp();
  await restart();
  await server.append(1, 104);
  expect(await read(server)).toMatchObject({ numbers: [104], rewound: null });
  expect(await read(server, { after: 7 })).toMatchObject({ numbers: [], rewound: null });
});

it('a saved cursor is judged too', async () => {
  const server = await RestorableServer.start();
  const restore = server.backUp();
  await server.append(5, 1);
  const { epoch } = await read(server, { after: 0 });
  await restore();
  await server.append(7, 101);
  await read(server, { after: 5, epoch: epoch ?? '', limit: 1, clientId: 'other' });
  const numbers = [101, 102, 103, 104, 105, 106, 107];
  for (const _ of ['told', 'told again, since nobody knows whether it has arrived']) {
    expect(await read(server, { clientId: 'other' })).toMatchObject({ numbers, rewound: '5; 0' });
  }
  expect(await read(server, { clientId: 'other', after: 7 })).toMatchObject({ numbers: [], rewound: null });
});

it.each([
  ['epoch=1-2-a-0', 'Invalid epoch: expected after beside it, got none'],
  ['after=1&epoch=', 'Invalid epoch: expected the Events-Epoch of the answer'],
  ['after=1&epoch=a%20b', 'Invalid epoch: expected the Events-Epoch of the answer'],
])('?%s is refused', async (query, message) => {
  const server = await RestorableServer.start();
  for (const headers of [BEARER, { ...BEARER, Accept: 'text/event-stream' }]) {
    const response = await fetch(`${server.origin}/events/v1/events?clientId=c&channel=a&${query}`, {
      headers,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      code: 'InvalidContent',
      message: expect.stringContaining(message),
    });
  }
});

it('an event stream that is resumed goes on behind what is still there, after a message that says so', async () => {
  const server = await RestorableServer.start();
  await server.append(3, 1);
  const stream = messages(server.origin, '&after=0');
  await take(stream, 3);
  const restore = server.backUp();
  await server.append(2, 4);
  expect((await take(stream, 2)).map((message) => message.split('\n')[0])).toEqual(['id: 4', 'id: 5']);
  await stream.return(undefined);
  await restore();
  await server.append(3, 101);

  const resumed = messages(server.origin, '&after=0', { 'Last-Event-ID': '5' });
  const [told, ...events] = await take(resumed, 4);
  expect(told).toMatch(/^id: 3@[\w-]+\nevent: events-rewound\n/);
  expect(told).toContain(`\ndata: ${JSON.stringify({ channel, after: 5, rewoundTo: 3 })}`);
  expect(events.map((message) => /"n":(\d+)/.exec(message)?.[1])).toEqual(['101', '102', '103']);
  await resumed.return(undefined);

  // If that was lost on its way it comes again; what has arrived does not.
  for (const [lastId, count, first] of [
    ['5', 4, 'id: 3@'],
    [/id: (4@.*)/.exec(events[0] ?? '')?.[1] ?? '', 2, 'id: 5\n'],
  ] as const) {
    const again = messages(server.origin, '&after=0', { 'Last-Event-ID': lastId });
    expect((await take(again, count))[0]).toContain(first);
    await again.return(undefined);
  }
});

it('an answer that was lost on its way is given again to a consumer that knows no epochs', async () => {
  const server = await restoredBehindReader(2);

  // That it has seen 5 says nothing about which one: the answer ends before the new one until there are others.
  for (const _ of ['lost', 'received']) {
    expect(await read(server, { after: 5 })).toMatchObject({ numbers: [101], rewound: '5; 3' });
  }
  expect(await read(server, { after: 4 })).toMatchObject({ numbers: [102], rewound: null });
  await server.append(1, 103);
  expect(await read(server, { after: 5 })).toMatchObject({ numbers: [103], rewound: null });
});

it('the one event that a consumer without epochs cannot tell from what it has seen comes twice at most', async () => {
  const server = await RestorableServer.start();
  await server.append(4, 1);
  expect(await read(server, { after: 0 })).toMatchObject({ numbers: [1, 2, 3, 4] });
  const restore = server.backUp();
  await server.append(1, 5);
  expect(await read(server, { after: 4 })).toMatchObject({ numbers: [5] });
  await restore();
  await server.append(1, 101);
  for (const _ of ['lost', 'received']) {
    expect(await read(server, { after: 5 })).toMatchObject({ numbers: [101], rewound: '5; 4' });
  }
  expect(await read(server, { after: 5 })).toMatchObject({ numbers: [], rewound: null });
});

it('an application that keeps its cursor itself is told of no loss after a restart', async () => {
  const server = await RestorableServer.start();
  await server.append(3, 1);
  const { epoch } = await read(server, { after: 0 });
  await server.backUp()();
  await server.append(5, 4);
  await read(server, { after: 3, epoch: epoch ?? '' });
  expect(await read(server, { after: 6 })).toMatchObject({ numbers: [7, 8], rewound: null });
});

it('a cursor that was moved meanwhile stays where it is when an epoch begins', async () => {
  const server = await RestorableServer.start();
  await server.append(5, 1);
  const stream = messages(server.origin, '&after=0');
  await take(stream, 5);
  await read(server, { after: 5, clientId: 'streamer' });
  await stream.return(undefined);
  await server.backUp()();
  await server.append(1, 6);
  expect(await read(server, { clientId: 'streamer' })).toMatchObject({ numbers: [6], rewound: null });
});

it('a Redis that is emptied under those who wait: they get what comes, and are told', async () => {
  const redis = await RedisServer.start();
  const store = await createRedisStore({ url: redis.url });
  const app = await listening(store);
  onTestFinished(async () => {
    await app.close();
    await store.close();
    await redis.stop();
  });
  const server = { origin: originOf(app) };
  await append(store, 5, 1);
  const { epoch } = await read(server, { after: 0 });
  const stream = messages(server.origin, '&after=0');
  await take(stream, 5);
  const polls = [{ after: 5, epoch: epoch ?? '' }, { after: 5 }].map((query, i) =>
    read(server, { ...query, timeout: 10_000, clientId: i === 0 ? 'poller' : 'reader' }),
  );
  await expect.poll(() => store.waiting).toBe(3);

  await redis.admin.flushall();
  await append(store, 6, 101);
  for (const answer of await Promise.all(polls)) {
    expect(answer).toMatchObject({ numbers: [101, 102, 103, 104, 105, 106], rewound: '5; 0' });
    expect(answer.epoch).not.toBe(epoch);
  }
  const [told, ...events] = await take(stream, 7);
  expect(told).toContain('"after":5,"rewoundTo":0');
  expect(events.map((message) => /"n":(\d+)/.exec(message)?.[1])).toEqual([
    '101',
    '102',
    '103',
    '104',
    '105',
    '106',
  ]);
  await stream.return(undefined);
});
