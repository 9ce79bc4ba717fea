import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventsError } from '@ganomede/events-protocol';
import { StreamLine } from '@ganomede/events-protocol/schemas';
import { eventsPlugin } from '@ganomede/events-server';
import { Value } from '@sinclair/typebox/value';
import Fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PageStream } from '../src/answers/page-stream.js';
import { Untaken } from '../src/answers/untaken.js';
import { WaitingRequests } from '../src/answers/waiting-requests.js';
import { Metrics } from '../src/metrics/metrics.js';
import {
  BEARER,
  json,
  randomChannel,
  SECRET,
  startServer,
  type TestServer,
  waitingPolls,
} from './support/server.js';

type Page = Extract<StreamLine, { channel: string }>;
type Refusal = Extract<StreamLine, { cursor: number }>;

/** A stream, and what has come of it so far. */
class Lines {
  readonly all: StreamLine[] = [];
  readonly response: IncomingMessage;
  isComplete = false;

  static async open(server: Pick<TestServer, 'port'>, cursors: unknown, clientId = 'c'): Promise<Lines> {
    const outgoing = request({
      port: server.port,
      host: '127.0.0.1',
      path: '/events/v1/streams',
      method: 'POST',
      headers: { ...BEARER, 'Content-Type': 'application/json' },
    });
    outgoing.on('error', () => undefined);
    outgoing.end(JSON.stringify({ clientId, cursors }));
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    onTestFinished(() => void outgoing.destroy());
    return new Lines(response);
  }

  private constructor(response: IncomingMessage) {
    this.response = response;
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => {
      const lines = `${text}${chunk}`.split('\n');
      text = lines.pop() as string;
      for (const line of lines) {
        const json = JSON.parse(line);
        expect(Value.Check(StreamLine, json), line).toBe(true);
        this.all.push(json);
      }
    });
    response.on('error', () => undefined);
    response.on('end', () => {
      this.isComplete = true;
    });
  }

  get pages(): Page[] {
    return this.all.filter((line) => 'channel' in line);
  }

  get refusals(): Refusal[] {
    return this.all.filter((line) => 'cursor' in line);
  }

  ids(channel: string): number[] {
    return this.pages
      .filter((page) => page.channel === channel)
      .flatMap((page) => page.events.map(({ id }) => id));
  }

  /** Resolves once the channel has brought so many events. */
  async events(channel: string, count: number): Promise<void> {
    await expect
      .poll(() => this.ids(channel).length, { interval: 2, timeout: 10_000 })
      .toBeGreaterThanOrEqual(count);
  }
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe('POST /streams', () => {
  it('brings the events of all channels, of each in order, those that are there and those that come', async () => {
    const server = await startServer();
    const [a, b] = [randomChannel(), randomChannel()];
    for (let n = 0; n < 3; n++) await server.publish(a);
    const lines = await Lines.open(server, [
      { channel: a, after: 1, limit: 1 },
      { channel: b },
      { channel: `${a}:add`, after: 0 },
      { channel: `${a}:other` },
    ]);
    expect(lines.response.headers).toMatchObject({
      'content-type': 'application/x-ndjson; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    await lines.events(a, 2);
    await lines.events(`${a}:add`, 3);
    await Promise.all(upTo(20).flatMap(() => [server.publish(a), server.publish(b)]));
    await lines.events(a, 22);
    await lines.events(b, 20);
    await lines.events(`${a}:add`, 23);
    expect(lines.all[0]).toEqual({ heartbeatMs: 4_000 });
    expect(lines.ids(a)).toEqual(upTo(23).slice(1));
    expect(lines.ids(b)).toEqual(upTo(20));
    expect(lines.ids(`${a}:add`)).toEqual(upTo(23));
    expect(lines.ids(`${a}:other`)).toEqual([]);
    expect(
      lines.pages.filter(({ channel }) => channel === a).every(({ events }) => events.length === 1),
    ).toBe(true);
    const [page] = lines.pages.filter(({ channel }) => channel === b);
    expect(page).toMatchObject({ after: 0, firstId: 1, epoch: expect.stringMatching(/^1-/) });
  });

  it('begins behind the saved cursor, and saves none', async () => {
    const server = await startServer();
    const channel = randomChannel();
    for (let n = 0; n < 4; n++) await server.publish(channel);
    const first = await Lines.open(server, [{ channel }]);
    await first.events(channel, 4);
    const second = await Lines.open(server, [{ channel, after: 3 }]);
    await second.events(channel, 1);
    const saving = await server.fetch('/cursors', json({ clientId: 'c', cursors: [{ channel, after: 2 }] }));
    expect(await saving.json()).toEqual({ results: [{ after: 2 }] });
    const third = await Lines.open(server, [{ channel }]);
    await third.events(channel, 2);
    expect([first, second, third].map((lines) => lines.ids(channel))).toEqual([upTo(4), [4], [3, 4]]);
  });

  it('two streams of one client get everything each', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const streams = [await Lines.open(server, [{ channel }]), await Lines.open(server, [{ channel }])];
    await server.publish(channel);
    for (const lines of streams) await lines.events(channel, 1);
  });

  it('refuses cursors by themselves', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    const lines = await Lines.open(server, [
      null,
      { channel: '' },
      { channel },
      { channel, after: 0 },
      { channel: 'x', after: -1 },
      { channel: 'x', limit: 0 },
      { channel: 'x', epoch: '1' },
      { channel: 'x', after: 1, epoch: 'not an epoch' },
    ]);
    await lines.events(channel, 1);
    const refusals = lines.refusals.map(({ cursor, error }) => `${cursor} ${error.code}: ${error.message}`);
    expect(refusals).toEqual([
      expect.stringMatching(/^0 InvalidContent: Invalid body/),
      expect.stringMatching(/^1 InvalidContent: Invalid Channel/),
      expect.stringMatching(/^3 InvalidContent: Invalid Channel: expected each once/),
      expect.stringMatching(/^4 InvalidContent: Invalid after/),
      expect.stringMatching(/^5 InvalidContent: Invalid limit/),
      expect.stringMatching(/^6 InvalidContent: Invalid epoch: expected after beside it/),
      expect.stringMatching(/^7 InvalidContent: Invalid epoch/),
    ]);
  });

  it.each([
    [{ clientId: 'c' }, 400, 'InvalidContent'],
    [{ clientId: 'c', cursors: [] }, 400, 'InvalidContent'],
    [{ clientId: '', cursors: [{ channel: 'a' }] }, 400, 'InvalidContent'],
    [{ clientId: 'c', cursors: Array(10_001).fill(0) }, 413, 'PayloadTooLarge'],
  ])('is refused as a whole: %j', async (body, status, code) => {
    const server = await startServer();
    for (const path of ['/streams', '/cursors']) {
      const response = await server.fetch(path, json(body));
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ code });
      const anonymous = await fetch(`${server.origin}/events/v1${path}`, json(body));
      expect(anonymous.status).toBe(401);
    }
  });

  it('says what a cursor has lost of a store that came back older', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    const lines = await Lines.open(server, [
      { channel, after: 9 },
      { channel: `${channel}:other`, after: 9 },
    ]);
    await expect.poll(() => lines.pages.length).toBe(2);
    expect(lines.pages).toMatchObject([
      { channel, rewound: { from: 9, to: 0 }, after: 0, lastId: 1, events: [{ id: 1 }] },
      { channel: `${channel}:other`, rewound: { from: 9, to: 0 }, events: [] },
    ]);
    await server.publish(channel);
    await lines.events(channel, 2);
    expect(lines.pages.at(-1)).not.toHaveProperty('rewound');
  });

  it('says once that events of other types are no longer kept', async () => {
    const server = await startServer({ storeOptions: { retention: { maxEvents: 2 } } });
    const channel = randomChannel();
    for (let n = 0; n < 9; n++) await server.publish(channel);
    const lines = await Lines.open(server, [{ channel: `${channel}:other`, after: 3 }]);
    await expect.poll(() => lines.pages.length).toBe(1);
    expect(lines.pages[0]).toMatchObject({ after: 3, lastId: 9, events: [] });
    await server.publish(`${channel}:other`);
    await lines.events(`${channel}:other`, 1);
    // Nor is it said again with each event of other types.
    for (let n = 0; n < 5; n++) await server.publish(channel);
    await server.publish(`${channel}:other`);
    await lines.events(`${channel}:other`, 2);
    expect(lines.pages).toHaveLength(3);
    // What was looked through meanwhile was not missed.
    expect(lines.pages.slice(1)).toMatchObject([
      { after: 9, events: [{ id: 10 }] },
      { after: 15, events: [{ id: 16 }] },
    ]);
  });

  it('ends with the server, complete', async () => {
    const server = await startServer();
    const lines = await Lines.open(server, [{ channel: 'a' }]);
    await waitingPolls(server.store, 1);
    await server.app.close();
    await expect.poll(() => lines.isComplete).toBe(true);
  });

  it('ends when its client goes', async () => {
    const server = await startServer();
    const lines = await Lines.open(
      server,
      upTo(50).map((n) => ({ channel: `c${n}` })),
    );
    await waitingPolls(server.store, 50);
    lines.response.destroy();
    await waitingPolls(server.store, 0);
  });

  it('holds ten thousand channels, and brings what happens in one', async () => {
    const server = await startServer({ maxBodyBytes: 4 * 1024 * 1024 });
    const lines = await Lines.open(
      server,
      upTo(10_000).map((n) => ({ channel: `many/${n}`, after: 0 })),
    );
    await expect.poll(() => server.store.waiting, { timeout: 30_000, interval: 50 }).toBe(10_000);
    await server.publish('many/7777');
    await lines.events('many/7777', 1);
    expect(lines.pages).toHaveLength(1);
  }, 60_000);
});

describe('POST /cursors', () => {
  it('saves each, or refuses it by itself; the last one of a channel counts', async () => {
    const server = await startServer();
    const channel = randomChannel();
    for (let n = 0; n < 5; n++) await server.publish(channel);
    const cursors = [
      { channel, after: 4 },
      { channel: 'x' },
      { channel, after: 3, epoch: '1-1-a-0-0' },
      null,
      { channel: `${channel}:add`, after: 1 },
    ];
    const response = await server.fetch('/cursors', json({ clientId: 'c', cursors }));
    const { results } = (await response.json()) as {
      results: { after?: number; error?: { code: string } }[];
    };
    expect(results.map(({ after, error }) => after ?? error?.code)).toEqual([
      4,
      'InvalidContent',
      3,
      'InvalidContent',
      1,
    ]);
    expect(await server.store.loadCursor('c', channel)).toMatchObject({ after: 3, epoch: '1-1-a-0-0' });
    expect(await server.store.loadCursor('c', `${channel}:add`)).toMatchObject({ after: 1 });
    expect(await server.store.loadCursor('d', channel)).toMatchObject({ after: 0 });
  });
});

it('a stream of a server that stops already is complete, and nothing is left of it', async () => {
  const { store } = await startServer();
  const waitingRequests = new WaitingRequests(1);
  waitingRequests.stop();
  const context = {
    ...{ store, untaken: new Untaken(), waitingRequests, metrics: new Metrics(store) },
    takeError: (error: Error) => error as EventsError,
  };
  const app = Fastify();
  app.post('/events/v1/streams', (_request, reply) => {
    new PageStream('c', reply, context).send([
      { channel: 'a', after: 0, epoch: undefined, start: undefined, limit: 1 },
    ]);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  // One may wait at a time: the second one finds room if nothing is left of the first one.
  for (let n = 0; n < 2; n++) {
    const lines = await Lines.open({ port }, []);
    expect(lines.response.headers['content-type']).toMatch('application/x-ndjson');
    await expect.poll(() => lines.isComplete).toBe(true);
  }
  expect(store.waiting).toBe(0);
});

it('whoever may not read a channel is told so in its stream', async () => {
  const { store } = await startServer();
  const app = Fastify();
  app.addHook('preHandler', (request, _reply, done) => {
    const may = ({ channel }: { channel: string }) => channel !== 'secret';
    if (request.eventsIdentity) request.eventsIdentity = { ...request.eventsIdentity, may };
    done();
  });
  await app.register(eventsPlugin, { prefix: '/events/v1', store, apiSecret: SECRET });
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const lines = await Lines.open({ port }, [{ channel: 'secret' }, { channel: 'open' }]);
  await waitingPolls(store, 1);
  await Promise.all(['secret', 'open'].map((name) => store.append(name, [{ from: 'f', type: 't' }])));
  await lines.events('open', 1);
  expect(lines.refusals).toMatchObject([{ cursor: 0, error: { code: 'InsufficientScope' } }]);
  expect(lines.ids('secret')).toEqual([]);
});

it('a reader that takes nothing is held no more for than it may be', async () => {
  const server = await startServer();
  const channels = upTo(20).map((n) => `slow/${n}`);
  const event = { from: 'f', type: 't', data: { text: 'x'.repeat(100_000) } };
  const lines = await Lines.open(
    server,
    channels.map((channel) => ({ channel, limit: 1 })),
  );
  await waitingPolls(server.store, 20);
  lines.response.pause();
  for (let n = 0; n < 20; n++) {
    await Promise.all(channels.map((channel) => server.store.append(channel, [event])));
  }
  // All of it would be 40 MB; the rest waits in the store.
  await expect.poll(() => server.store.waiting, { timeout: 10_000 }).toBeLessThan(20);
  lines.response.resume();
  for (const channel of channels) await lines.events(channel, 20);
  for (const channel of channels) expect(lines.ids(channel)).toEqual(upTo(20));
}, 60_000);
