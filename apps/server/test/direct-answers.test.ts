import { type AddressInfo, connect, type Socket } from 'node:net';
import { type AppOptions, buildApp } from '@ganomede/events-server';
import type { EventStore } from '@ganomede/events-store';
import { openMemoryStore } from '@ganomede/events-store/memory';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../src/process/logger.js';
import { SECRET, waitingPolls } from './support/server.js';

/** A server of which is known which of its answers Fastify has sent. */
interface MeasuredServer {
  readonly app: FastifyInstance;
  /** How many answers went through Fastify's reply. */
  throughFastify: number;
  readonly log: string[];
  /** Sends text as it is; resolves with so many whole answers, but for their dates. */
  exchange(text: string, count?: number): Promise<string[]>;
}

type Settings = Partial<AppOptions['config']> & {
  /** Before it listens. */
  readonly prepare?: (app: FastifyInstance) => void;
};

async function startServer(store: EventStore, direct: boolean, settings: Settings): Promise<MeasuredServer> {
  const { prepare, ...config } = settings;
  const log: string[] = [];
  const app = buildApp({
    store,
    config: { apiSecret: SECRET, pollTimeoutMs: 10_000, ...config },
    logger: createLogger('debug', { write: (line) => void log.push(line) }, [SECRET]),
    directAnswers: direct,
  });
  const server: MeasuredServer = {
    app,
    log,
    throughFastify: 0,
    exchange: (text, count = 1) => exchange((app.server.address() as AddressInfo).port, text, count),
  };
  app.addHook('onSend', async () => {
    server.throughFastify += 1;
  });
  prepare?.(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => app.close());
  return server;
}

/** Two servers on one store, of which the first answers past Fastify's reply. */
async function startBoth(settings: Settings = {}): Promise<{
  readonly store: EventStore;
  readonly direct: MeasuredServer;
  readonly usual: MeasuredServer;
}> {
  const store = await openMemoryStore();
  onTestFinished(() => store.close());
  return {
    store,
    direct: await startServer(store, true, settings),
    usual: await startServer(store, false, settings),
  };
}

/** Every byte of so many answers, as Latin-1; what stands for the time is left out. */
function exchange(port: number, text: string, count: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    let answers: string[] = [];
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      received += chunk;
      answers = wholeAnswers(received);
      if (answers.length === count) socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => {
      const rest = received.slice(answers.join('').length);
      if (answers.length !== count || rest !== '') reject(new Error(`Unexpected answers: ${received}`));
      else resolve(answers.map((answer) => answer.replace(/\r\nDate: [^\r]{29}\r\n/, '\r\nDate\r\n')));
    });
    socket.write(text, 'latin1');
  });
}

function wholeAnswers(received: string): string[] {
  const answers: string[] = [];
  for (let at = 0; ; ) {
    const headEnd = received.indexOf('\r\n\r\n', at);
    if (headEnd === -1) return answers;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received.slice(at, headEnd))?.[1] ?? 0);
    const end = headEnd + 4 + length;
    if (received.length < end) return answers;
    answers.push(received.slice(at, end));
    at = end;
  }
}

const HEAD = `Host: x\r\nAuthorization: Bearer ${SECRET}\r\nX-Request-Id: given\r\n`;

function poll(query: string, { version = '1.1', headers = '' } = {}): string {
  const path = `/events/v1/events?clientId=reader&channel=c&timeout=0&${query}`;
  return `GET ${path} HTTP/${version}\r\n${HEAD}${headers}\r\n`;
}

function post(path: string, body: object, headers = ''): string {
  const text = JSON.stringify(body);
  return (
    `POST /events/v1/${path} HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(text)}\r\n${headers}\r\n${Buffer.from(text).toString('latin1')}`
  );
}

/** By its key it is answered as the first time, by whichever server. */
function publish(body: object, headers = ''): string {
  const event = { clientId: 'publisher', channel: 'c', ...body };
  return post('events', event, `Idempotency-Key: key\r\n${headers}`);
}

const EVENT = { from: 'f', type: 't' };

async function fill(store: EventStore, ...texts: string[]): Promise<void> {
  for (const text of texts) await store.append('c', [{ ...EVENT, data: { text } }]);
}

const ORIGIN = 'Origin: https://game.example\r\n';

describe('an answer that goes past Fastify', () => {
  it.each<[what: string, request: string, settings?: Settings]>([
    ['the first page of a channel', poll('after=0')],
    ['a page behind a cursor', poll('after=1&limit=1')],
    ['a page of a saved cursor', poll('')],
    ['an empty page', poll('after=4')],
    ['a page of an empty channel', poll('after=0').replace('channel=c', 'channel=empty')],
    ['an event', publish(EVENT)],
    ['several events', publish({ events: [EVENT, EVENT] })],
    [
      'several appends',
      post('appends', {
        clientId: 'publisher',
        appends: [{ channel: 'c', events: [EVENT, EVENT], key: 'k' }, { channel: '' }],
      }),
    ],
    ['several cursors', post('cursors', { clientId: 'reader', cursors: [{ channel: 'c', after: 1 }, {}] })],
    ['what asks whether it may send its body', publish(EVENT, 'Expect: 100-continue\r\n')],
    ['what tells that it keeps its connection', poll('after=0', { headers: 'Connection: keep-alive\r\n' })],
    ['a page for any origin', poll('after=0', { headers: ORIGIN }), { corsOrigin: '*' }],
    [
      'a page for some origins',
      poll('after=0', { headers: ORIGIN }),
      { corsOrigin: 'https://game.example, https://other.example' },
    ],
    [
      'headers of a hook',
      poll('after=0'),
      {
        prepare: (app) =>
          app.addHook('onRequest', async (_request, reply) => {
            reply.header('X-Content-Type-Options', 'nosniff');
          }),
      },
    ],
  ])('has the same bytes: %s', async (_what, request, settings) => {
    const { store, direct, usual } = await startBoth(settings);
    await fill(store, 'one', 'zwei: ü', '三 🎉', 'x'.repeat(5_000));
    const count = request.includes('Expect:') ? 2 : 1;
    const expected = await usual.exchange(request, count);
    expect(expected.at(-1)).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(await direct.exchange(request, count)).toEqual(expected);
    expect({ direct: direct.throughFastify, usual: usual.throughFastify }).toEqual({ direct: 0, usual: 1 });
  });

  it('is the same for all who wait but for their ids, and has the date of its second', async () => {
    const { store, direct } = await startBoth();
    const ids = Array.from({ length: 20 }, (_, i) => `id-${i}`);
    const answers = ids.map((id) =>
      direct.exchange(poll('').replace('timeout=0', 'timeout=10000').replace('given', id)),
    );
    await waitingPolls(store, ids.length);
    await fill(store, 'the event');
    const [first] = await (answers[0] as Promise<string[]>);
    expect(first).toContain('x-request-id: id-0\r\n');
    expect(first).toMatch(/"text":"the event"\}\}\]$/);
    for (const [i, answer] of answers.entries())
      expect(await answer).toEqual([first?.replace('id-0', `id-${i}`)]);
    expect(direct.throughFastify).toBe(0);

    const { headers } = await fetch(`${urlOf(direct)}${PATH}`, {
      headers: { Authorization: `Bearer ${SECRET}` },
    });
    expect(Math.abs(Date.parse(headers.get('date') as string) - Date.now())).toBeLessThan(60_000);
  });

  it('is counted, timed and logged', async () => {
    const { store, direct, usual } = await startBoth();
    await fill(store, 'one');
    for (const server of [direct, usual]) {
      await server.exchange(poll('after=0&limit=1'));
      await server.exchange(publish(EVENT));
      const requests = () =>
        server.log
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .filter(({ msg }) => msg === 'request')
          .map(({ reqId, method, path, status, ms, address }) => ({
            ...{ reqId, method, path, status, address },
            isTimed: typeof ms === 'number',
          }));
      const logged = {
        reqId: 'given',
        path: '/events/v1/events',
        status: 200,
        address: '127.0.0.1',
        isTimed: true,
      };
      await expect.poll(requests).toEqual([
        { ...logged, method: 'GET' },
        { ...logged, method: 'POST' },
      ]);
      const metrics = await (await fetch(`${urlOf(server)}/metrics`)).text();
      for (const method of ['GET', 'POST']) {
        const labels = `method="${method}",route="/events/v1/events"`;
        expect(metrics).toContain(`events_http_requests_total{${labels},status="200"} 1`);
        expect(metrics).toContain(`events_http_request_duration_seconds_count{${labels}} 1`);
      }
      expect(metrics).toMatch(/^events_delivered_total 1$/m);
      expect(metrics).toMatch(/^events_published_total 1$/m);
    }
  });

  it('leaves its connection ready for the next request', async () => {
    const { store, direct } = await startBoth();
    await fill(store, 'one', 'two');
    const socket = connect((direct.app.server.address() as AddressInfo).port, '127.0.0.1').setEncoding(
      'latin1',
    );
    onTestFinished(() => void socket.destroy());
    for (const request of [poll('after=0'), publish(EVENT), poll('after=1'), poll('after=0&limit=1')])
      expect(await answerTo(socket, request)).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(direct.throughFastify).toBe(0);
  });
});

describe('an answer that is not plain goes through Fastify', () => {
  it.each<[what: string, request: string, settings?: Settings]>([
    ['the client ends its connection', poll('after=0&limit=1', { headers: 'Connection: close\r\n' })],
    ['HTTP/1.0', poll('after=0&limit=1', { version: '1.0' })],
    [
      'HTTP/1.0, kept alive',
      poll('after=0&limit=1', { version: '1.0', headers: 'Connection: keep-alive\r\n' }),
    ],
    ['a store that came back older', poll('after=9&epoch=another-one-')],
    ['a large page', poll('after=1')],
    ['an error', poll('after=x')],
    ['an event that is none', publish({ from: 1 })],
    [
      'a hook that asks for another connection',
      poll('after=0&limit=1'),
      {
        prepare: (app) =>
          app.addHook('onRequest', async (_, reply) => void reply.header('Connection', 'close')),
      },
    ],
    [
      'a hook that sets another status',
      poll('after=0&limit=1'),
      { prepare: (app) => app.addHook('onRequest', async (_, reply) => void reply.code(203)) },
    ],
    [
      'a connection for so many requests',
      poll('after=0&limit=1'),
      {
        prepare: (app) => {
          app.server.maxRequestsPerSocket = 5;
        },
      },
    ],
    [
      'a connection that is kept for no stated time',
      poll('after=0&limit=1'),
      {
        prepare: (app) => {
          app.server.keepAliveTimeout = 0;
        },
      },
    ],
    [
      'a header that Fastify does not know',
      poll('after=0&limit=1'),
      {
        prepare: (app) => app.addHook('onRequest', async (_, reply) => void reply.raw.setHeader('X-A', '1')),
      },
    ],
    [
      'a header with several values',
      poll('after=0&limit=1'),
      {
        prepare: (app) => app.addHook('onRequest', async (_, reply) => void reply.header('X-A', ['1', '2'])),
      },
    ],
    [
      'a header beyond ASCII',
      poll('after=0&limit=1'),
      { prepare: (app) => app.addHook('onRequest', async (_, reply) => void reply.header('X-A', 'ü')) },
    ],
  ])('%s', async (_what, request, settings) => {
    const { store, direct, usual } = await startBoth(settings);
    await fill(store, 'one', 'x'.repeat(20_000));
    const expected = await usual.exchange(request);
    expect(await direct.exchange(request)).toEqual(expected);
    expect(direct.throughFastify).toBe(1);
  });

  it('the server drains', async () => {
    const { store, direct, usual } = await startBoth();
    const answers = [direct, usual].map((server) =>
      server.exchange(poll('').replace('timeout=0', 'timeout=10000')),
    );
    await waitingPolls(store, 2);
    const closed = [direct.app.close(), usual.app.close()];
    const [ours, theirs] = await Promise.all(answers);
    expect(ours?.[0]).toContain('\r\nconnection: close\r\n');
    expect(ours).toEqual(theirs);
    await Promise.all(closed);
    expect(direct.throughFastify).toBe(1);
  });

  it('requests follow each other without waiting for their answers', async () => {
    const { store, direct, usual } = await startBoth();
    await fill(store, 'one', 'two');
    const requests = poll('after=0') + poll('after=1') + publish(EVENT) + poll('after=0&limit=1');
    // The same number of events for both.
    await usual.exchange(publish(EVENT));
    const expected = await usual.exchange(requests, 4);
    expect(await direct.exchange(requests, 4)).toEqual(expected);
  });

  it('the request was injected', async () => {
    const { store, direct } = await startBoth();
    await fill(store, 'one');
    const { statusCode, headers, payload } = await direct.app.inject({
      url: '/events/v1/events?clientId=reader&channel=c&after=0',
      headers: { Authorization: `Bearer ${SECRET}` },
    });
    expect({ statusCode, lastId: headers['events-last-id'] }).toEqual({ statusCode: 200, lastId: '1' });
    expect(JSON.parse(payload)).toHaveLength(1);
  });
});

const PATH = '/events/v1/events?clientId=reader&channel=c&after=0';
const urlOf = ({ app }: MeasuredServer) => `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

/** The answer to one request on a connection that stays open. */
function answerTo(socket: Socket, request: string): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const take = (chunk: string) => {
      received += chunk;
      const [answer] = wholeAnswers(received);
      if (answer === undefined) return;
      socket.off('data', take);
      resolve(answer);
    };
    socket.on('data', take);
    socket.write(request);
  });
}
