import { LossyProxy } from '@ganomede/events-testing';
import { describe, expect, test } from 'vitest';
import type { EventHeader } from '../src/channel-types.js';
import { Client, type RequestError } from '../src/index.js';
import { hang, json, type Received, type Reply, reset, text } from './hostile-server.js';
import { startRealServer } from './real-server.js';
import { cleanUp, clientOf, startServer } from './setup.js';

interface Entry {
  readonly channel: string;
  readonly key: string;
  readonly events: { readonly data: { readonly n: number } }[];
}

const event = (n: number) => ({ from: 'test', type: 'add', data: { n } });
const header = (id: number): EventHeader => ({ id, timestamp: 1 });

const entriesOf = ({ body }: Received) => (JSON.parse(body) as { appends: Entry[] }).appends;
/** The numbers of the events of a request, single or grouped. */
const numbersOf = (request: Received) =>
  request.pathname.endsWith('/appends')
    ? entriesOf(request).flatMap(({ events }) => events.map(({ data }) => data.n))
    : [(JSON.parse(request.body) as { data: { n: number } }).data.n];

const storedEntry = ({ events }: Entry) => ({ headers: events.map(({ data }) => header(data.n)) });

/** Answers a single publish, or each append of a grouped one, with the numbers of its events as their ids. */
const stored: Reply = (request) => {
  const isGrouped = request.pathname.endsWith('/appends');
  const results = () => entriesOf(request).map(storedEntry);
  return json(isGrouped ? { results: results() } : header(numbersOf(request)[0] ?? 0))(request);
};

/** Answers appends that have one of these numbers with an error, the others as stored. */
const failing =
  (code: string, ...failed: number[]): Reply =>
  (request) =>
    json({
      results: entriesOf(request).map((entry) =>
        entry.events.some(({ data }) => failed.includes(data.n))
          ? { error: { code, message: 'no' } }
          : storedEntry(entry),
      ),
    })(request);

const UUID = /^[0-9a-f-]{36}$/;

const ids = async (sent: readonly Promise<EventHeader>[]) => (await Promise.all(sent)).map(({ id }) => id);

const failureOf = (sent: Promise<unknown>) =>
  sent.then(
    () => undefined,
    (error: RequestError) => error,
  );

describe('sends at the same time', () => {
  test('share one request, and one append for each channel, and have each its answer', async () => {
    const server = await startServer();
    const client = clientOf(server);
    const sent = [1, 2, 3].map((n) => client.send(n === 2 ? 'b' : 'a', event(n)));
    const batch = client.sendBatch('a', [event(4), event(5)]);
    const request = await server.request(1);
    expect([request.method, request.pathname, request.headers['idempotency-key']]).toEqual([
      'POST',
      '/events/v1/appends',
      undefined,
    ]);
    expect(JSON.parse(request.body).clientId).toBe('tester');
    expect(entriesOf(request)).toEqual([
      { channel: 'a', key: expect.stringMatching(UUID), events: [1, 3, 4, 5].map(event) },
      { channel: 'b', key: expect.stringMatching(UUID), events: [event(2)] },
    ]);
    // A header too few is not what was asked for: the same again.
    const [of2, ...others] = [2, 1, 3, 4, 5].map(header);
    server.script(json({ results: [{ headers: others }, { headers: [of2] }] }));
    json({ results: [{ headers: others.slice(1) }, { headers: [of2] }] })(request);
    expect(await ids(sent)).toEqual([1, 2, 3]);
    expect((await batch).map(({ id }) => id)).toEqual([4, 5]);
    expect(server.requests.map(({ body }) => body)).toEqual([request.body, request.body]);
  });

  test('of which one has a key of its own, or another type, are an append each, in their order', async () => {
    const server = (await startServer()).script(stored, stored);
    const client = clientOf(server);
    const sent = [
      client.send('a', event(1)),
      client.send('a', event(2), { idempotencyKey: 'my own' }),
      client.send('a', event(3)),
      client.send('b', event(4)),
      client.send('b:paid', event(5)),
      client.send('b', event(6)),
    ];
    expect(await ids(sent)).toEqual([1, 2, 3, 4, 5, 6]);
    const entries = entriesOf(await server.request(1));
    expect(entries.map(({ channel, events }) => [channel, ...events.map(({ data }) => data.n)])).toEqual([
      ['a', 1],
      ['a', 2],
      ['a', 3],
      ['b', 4],
      ['b:paid', 5],
      ['b', 6],
    ]);
    expect(new Set(entries.map(({ key }) => key)).size).toBe(6);
    expect(entries[1]?.key).toBe('my own');
  });

  test('one by one is each its own request, at once', async () => {
    const server = (await startServer()).script(stored, stored);
    const client = clientOf(server);
    for (const n of [1, 2]) expect(await client.send('a', event(n))).toEqual(header(n));
    expect(server.requests.map(({ pathname }) => pathname)).toEqual([
      '/events/v1/events',
      '/events/v1/events',
    ]);
  });

  test('while a request is under way share the next one', async () => {
    const server = await startServer();
    const client = clientOf(server);
    const sent = [client.send('a', event(1))];
    const first = await server.request(1);
    sent.push(client.send('a', event(2)));
    await Promise.resolve();
    sent.push(client.send('b', event(3)));
    server.script(stored);
    stored(first);
    expect(await ids(sent)).toEqual([1, 2, 3]);
    expect(server.requests.map(numbersOf)).toEqual([[1], [2, 3]]);
  });

  test('are more than one request if they are many', async () => {
    const server = (await startServer()).script(stored, stored, stored);
    const client = clientOf(server);
    const sent = Array.from({ length: 2_500 }, (_, n) => client.send('a', event(n)));
    expect(await ids(sent)).toEqual(sent.map((_, n) => n));
    expect(server.requests.map((request) => numbersOf(request).length)).toEqual([1_000, 1_000, 500]);
  });
});

test('a very long queue is sent, also after its channel was held', async () => {
  const server = await startServer();
  const replies = Array.from({ length: 200 }, () => stored);
  server.script(failing('ServiceUnavailable', 0), ...replies);
  const client = clientOf(server, { retryBaseMs: 1, retryMaxMs: 1 });
  const sent = Array.from({ length: 150_000 }, (_, n) => client.send('a', event(n)));
  expect((await ids(sent)).every((id, n) => id === n)).toBe(true);
});

describe('of a grouped request', () => {
  test('what is refused fails alone, with an error of its own; what it shared an append with is stored', async () => {
    const refusing = failing('InvalidContent', 2);
    const server = (await startServer()).script(refusing, refusing);
    const client = clientOf(server);
    const sent = [1, 2, 3].map((n) => client.send('a', event(n)));
    sent.push(client.send('b', event(11)));
    expect(await failureOf(sent[1] as Promise<unknown>)).toMatchObject({
      name: 'InvalidContentError',
      restCode: 'InvalidContent',
      code: 'InvalidContent',
      statusCode: 400,
      maybeProcessed: false,
      body: { code: 'InvalidContent', message: 'no' },
      message: `POST http://127.0.0.1:${server.port}/events/v1/appends: 400 InvalidContent: no`,
    });
    expect(await ids([sent[0], sent[2], sent[3]] as Promise<EventHeader>[])).toEqual([1, 3, 11]);
    const [together, apart] = server.requests.map((request) =>
      entriesOf(request).map(({ events }) => events),
    );
    expect(together).toEqual([[event(1), event(2), event(3)], [event(11)]]);
    expect(apart).toEqual([[event(1)], [event(2)], [event(3)]]);
  });

  test('what shared an append that is refused is stored before what came later', async () => {
    const refusing = failing('InvalidContent', 2);
    const server = await startServer();
    const client = clientOf(server);
    const sent = [1, 2, 3].map((n) => client.send('a', event(n)));
    const first = await server.request(1);
    sent.push(client.send('a', event(4)), client.send('a', event(5)));
    server.script(refusing);
    refusing(first);
    await failureOf(sent[1] as Promise<unknown>);
    expect(await ids([0, 2, 3, 4].map((i) => sent[i]) as Promise<EventHeader>[])).toEqual([1, 3, 4, 5]);
    const entries = entriesOf(server.requests[1] as Received);
    expect(entries.map(({ events }) => events.map(({ data }) => data.n))).toEqual([[1], [2], [3], [4, 5]]);
    expect(server.requests).toHaveLength(2);
  });

  test('what is refused though it may be stored is not sent in another form', async () => {
    const server = (await startServer()).script(reset, failing('InvalidContent', 2));
    const client = clientOf(server);
    const errors = await Promise.all([1, 2].map((n) => failureOf(client.send('a', event(n)))));
    for (const error of errors) expect(error).toMatchObject({ code: 'InvalidContent', maybeProcessed: true });
    expect(server.requests.map(numbersOf)).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  test('what may yet succeed is sent again, before what came later', async () => {
    const server = (await startServer()).script(failing('ServiceUnavailable', 2));
    const client = clientOf(server);
    const sent = [1, 2, 3].map((n) => client.send('a', event(n)));
    const first = await server.request(1);
    sent.push(client.send('a', event(4)), client.send('a', event(5)));
    server.script(stored);
    expect(await ids(sent)).toEqual([1, 2, 3, 4, 5]);
    // It may be stored: the server has to know it again.
    const [again, later] = entriesOf(server.requests[1] as Received);
    expect(again).toEqual(entriesOf(first)[0]);
    expect(later?.events).toEqual([event(4), event(5)]);
  });

  test('what is certainly not stored shares an append with what came later', async () => {
    const server = (await startServer()).script(failing('TooManyRequests', 1));
    const client = clientOf(server);
    const sent = [1, 2].map((n) => client.send('a', event(n)));
    await server.request(1);
    sent.push(client.send('a', event(3)));
    server.script(stored);
    expect(await ids(sent)).toEqual([1, 2, 3]);
    expect(server.requests.map((request) => entriesOf(request).length)).toEqual([1, 1]);
    expect(server.requests.map(numbersOf)).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });

  test('what cannot be stored now does not hold up other channels', async () => {
    const server = (await startServer()).script(failing('ServiceUnavailable', 1, 2), stored, stored, stored);
    const client = clientOf(server, { retryBaseMs: 400, retryMaxMs: 400 });
    const order: number[] = [];
    const send = (channel: string, n: number) => client.send(channel, event(n)).then(() => order.push(n));
    const away = [send('a', 1), send('a', 2)];
    const others = [send('b', 11), (async () => {})()];
    await server.request(1);
    away.push(send('a', 3));
    await Promise.all(others);
    await send('b', 12);
    await Promise.all(away);
    expect(order.filter((n) => n < 10)).toEqual([1, 2, 3]);
    expect(order.indexOf(12)).toBeLessThan(order.indexOf(1));
  });

  test.each<[string, Reply]>([
    ['a 503', text('', 503)],
    ['a reset', reset],
    ['an answer that is none', json({ results: [] })],
    ['an answer with a result that is none', json({ results: [{}] })],
  ])('%s is followed by all of it again, under the same keys', async (_what, reply) => {
    const server = (await startServer()).script(reply, stored);
    const client = clientOf(server);
    expect(await ids([client.send('a', event(1)), client.send('a', event(2))])).toEqual([1, 2]);
    expect(new Set(server.requests.map(({ body }) => body)).size).toBe(1);
    expect(server.requests).toHaveLength(2);
  });

  test('a refusal of the whole is the error of each', async () => {
    const server = (await startServer()).script(
      json({ code: 'InvalidCredentialsError', message: 'no' }, 401),
    );
    const client = clientOf(server);
    const errors = await Promise.all([1, 2].map((n) => failureOf(client.send('a', event(n)))));
    for (const error of errors)
      expect(error).toMatchObject({ code: 'InvalidCredentialsError', statusCode: 401 });
    expect(server.requests).toHaveLength(1);
  });

  test('that is too large for the server halves come, and what is too large alone fails alone', async () => {
    const limited: Reply = (request) =>
      (request.body.length > 600 ? json({ code: 'PayloadTooLarge', message: 'too large' }, 413) : stored)(
        request,
      );
    const server = (await startServer()).script(...Array.from({ length: 40 }, () => limited));
    const client = clientOf(server);
    const sent = [1, 2, 3, 4, 5, 6].map((n) => client.send('a', event(n)));
    const large = { ...event(7), data: { n: 7, text: 'x'.repeat(600) } };
    const tooLarge = failureOf(client.send('a', large));
    sent.push(client.send('a', event(8)));
    expect(await ids(sent)).toEqual([1, 2, 3, 4, 5, 6, 8]);
    expect(await tooLarge).toMatchObject({ code: 'PayloadTooLarge', statusCode: 413 });
    const accepted = server.requests.filter(({ body }) => body.length <= 600).flatMap(numbersOf);
    expect(accepted).toEqual([1, 2, 3, 4, 5, 6, 8]);
    const before = server.requests.length;
    await ids([9, 10, 11, 12, 13, 14].map((n) => client.send('a', event(n))));
    expect(
      server.requests.slice(before).every(({ body }) => body.length <= 600),
      'it is remembered',
    ).toBe(true);
  });
});

describe('a server that does not know grouped requests', () => {
  const unknown = json({ code: 'ResourceNotFound', message: '/events/v1/appends does not exist' }, 404);
  const old: Reply = (request) => (request.pathname.endsWith('/appends') ? unknown : stored)(request);

  test('gets single ones, one at a time for each channel; it is found out once', async () => {
    const server = await startServer();
    const open: Received[] = [];
    server.script(old, ...Array.from({ length: 4 }, (): Reply => (request) => void open.push(request)));
    const client = clientOf(server);
    const sent = [1, 2].flatMap((n) => [client.send('a', event(n)), client.send('b', event(10 + n))]);
    await server.until(() => open.length === 2);
    expect(open.flatMap(numbersOf).sort()).toEqual([1, 11]);
    for (const request of open.splice(0)) stored(request);
    await server.until(() => open.length === 2);
    for (const request of open.splice(0)) stored(request);
    expect(await ids(sent)).toEqual([1, 11, 2, 12]);
    server.script(old, old);
    expect(await ids([client.send('a', event(3)), client.send('b', event(13))])).toEqual([3, 13]);
    expect(server.requests.filter(({ pathname }) => pathname.endsWith('/appends'))).toHaveLength(1);
  });

  test('beside one that does: what one has refused the other gets, in order', async () => {
    const server = await startServer();
    server.script(old, reset, ...Array.from({ length: 20 }, () => stored));
    const client = clientOf(server);
    const sent = [1, 2, 3, 4].map((n) => client.send('a', event(n)));
    expect(await ids(sent)).toEqual([1, 2, 3, 4]);
    expect(server.requests.map(numbersOf)).toEqual([[1, 2, 3, 4], [1], [1], [2], [3], [4]]);
  });

  test('beside one that may have stored an append of several: it gets the same as a batch', async () => {
    const server = await startServer();
    const batch: Reply = ({ body }) => {
      const { events } = JSON.parse(body) as Entry;
      return events.map(({ data }) => header(data.n));
    };
    server.script(reset, old, (request) => json(batch(request))(request));
    const client = clientOf(server);
    expect(await ids([1, 2].map((n) => client.send('a', event(n))))).toEqual([1, 2]);
    const [first, refused, last] = server.requests as [Received, Received, Received];
    expect(refused.body).toBe(first.body);
    expect(last.pathname).toBe('/events/v1/events');
    expect(last.headers['idempotency-key']).toBe(entriesOf(first)[0]?.key);
    expect(JSON.parse(last.body).events).toEqual([event(1), event(2)]);
  });
});

describe('a time that is over', () => {
  test('ends each send by itself, also behind one that is under way', async () => {
    const server = (await startServer()).script(hang);
    const client = clientOf(server, { sendTimeoutMs: 60 });
    const first = failureOf(client.send('a', event(1)));
    await server.request(1);
    const others = [2, 3].map((n) => failureOf(client.send('a', event(n))));
    const [one, ...queued] = await Promise.all([first, ...others]);
    expect(one).toMatchObject({ code: 'Timeout', maybeProcessed: true });
    for (const error of queued) {
      expect(error?.code).toBe('Timeout');
      expect(error?.message).toMatch(/^Gave up after \d attempts?, with sendTimeoutMs 60: /);
    }
  });

  test('of one does not cut short what shares its request', async () => {
    const server = await startServer();
    const client = clientOf(server, { sendTimeoutMs: 900, retryBaseMs: 1 });
    const old = failureOf(client.send('a', event(1)));
    const first = await server.request(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const young = [2, 3].map((n) => client.send('a', event(n)));
    text('', 503)(first);
    const second = await server.request(2);
    expect(numbersOf(second)).toEqual([1, 2, 3]);
    expect(await old).toMatchObject({ code: 'Timeout', maybeProcessed: true });
    stored(second);
    expect(await ids(young)).toEqual([2, 3]);
  });
});

test('close fails what is under way and what waits, and says which of it may be stored', async () => {
  const server = (await startServer()).script(hang);
  const client = clientOf(server);
  const errors = [failureOf(client.send('a', event(1)))];
  await server.request(1);
  errors.push(failureOf(client.send('a', event(2))), failureOf(client.send('b', event(3))));
  await client.close();
  expect((await Promise.all(errors)).map((error) => [error?.code, error?.maybeProcessed])).toEqual([
    ['Closed', true],
    ['Closed', false],
    ['Closed', false],
  ]);
});

test('a thousand at a time are stored in the order of their calls, though connections break', async () => {
  const url = new URL(await startRealServer('secret'));
  const proxy = await LossyProxy.start(Number(url.port));
  cleanUp(() => proxy.stop());
  const client = new Client('tester', { secret: 'secret', port: proxy.port, retryBaseMs: 1, retryMaxMs: 5 });
  cleanUp(() => client.close());
  const sent: Promise<EventHeader>[] = [];
  for (let n = 0; n < 4_000; n++) {
    if (n % 1_000 === 500) proxy.loseReplyTo('POST');
    // `a:add` is `a` too.
    const a = n >= 2_000 && n % 7 === 0 ? 'a:add' : 'a';
    sent.push(client.send(n % 4 === 3 ? 'b' : a, event(n)));
    if (n % 10 === 0) await sent[Math.max(0, n - 100)];
  }
  await Promise.all(sent);
  for (const channel of ['a', 'b']) {
    const events = await client.getLatestEvents(channel, 4_000);
    const numbers = events.map(({ data }) => (data as { n: number }).n);
    expect(numbers).toEqual(sent.map((_, n) => n).filter((n) => (n % 4 === 3) === (channel === 'b')));
  }
});
