import { CloudEvent, type CloudEventV1, emitterFor, HTTP, httpTransport, Mode } from 'cloudevents';
import { describe, expect, it } from 'vitest';
import { BEARER, json, randomChannel, startServer, type TestServer, waitingPolls } from './support/server.js';

const ACCEPT = { headers: { Accept: 'application/cloudevents-batch+json' } };

const paid = {
  source: '/shop',
  type: 'com.example.paid',
  subject: 'order 17',
  time: '2026-11-28T16:00:00.000Z',
  dataschema: 'https://example.com/paid.json',
  datacontenttype: 'application/json',
  tenant: 'north',
  data: { order: 17 },
};

/** Sends as users of the `cloudevents` package do; resolves with the body of the answer. */
const emitterTo = (server: TestServer, channel: string, mode: Mode) => {
  const sink = `${server.origin}/events/v1/events?${new URLSearchParams({ clientId: 'shop', channel })}`;
  const emit = emitterFor(httpTransport(sink), { mode });
  return async (event: CloudEvent<unknown>) => {
    const answer = (await emit(event, { headers: BEARER })) as { body: string };
    return JSON.parse(answer.body) as unknown;
  };
};

/** Reads as users of the `cloudevents` package do: what is no valid CloudEvent is an error. */
const receive = async (response: Response): Promise<CloudEventV1<unknown>[]> => {
  const headers = Object.fromEntries(response.headers);
  const events = HTTP.toEvent<unknown>({ headers, body: await response.text() });
  return [events].flat();
};

const readAll = async (server: TestServer, channel: string) =>
  receive(
    await server.fetch(`/events?${new URLSearchParams({ clientId: 'r', channel, after: '0' })}`, ACCEPT),
  );

const post = (
  server: TestServer,
  channel: string,
  contentType: string,
  body: unknown,
  headers: object = {},
) =>
  server.fetch(`/events?${new URLSearchParams({ clientId: 'shop', channel })}`, {
    method: 'POST',
    headers: { 'Content-Type': contentType, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

describe('with the cloudevents package', () => {
  it.each([Mode.BINARY, Mode.STRUCTURED])(
    'what is sent in %s mode is an event, and comes back as it was',
    async (mode) => {
      const server = await startServer();
      const channel = randomChannel();
      const emit = emitterTo(server, channel, mode);
      const event = new CloudEvent({ ...paid, id: 'a' });
      const header = { id: 1, timestamp: expect.any(Number) };
      expect(await emit(event)).toEqual(header);
      expect(
        await emit(new CloudEvent({ id: 'b', source: '/shop', type: 't', data: [1, 'ü'] })),
      ).toMatchObject({ id: 2 });

      const [first, second] = await server.read(channel, { after: 0 });
      expect(first).toEqual({
        ...header,
        from: '/shop',
        type: 'com.example.paid',
        data: { order: 17 },
        metadata: {
          'ce-id': 'a',
          'ce-subject': 'order 17',
          'ce-time': '2026-11-28T16:00:00.000Z',
          'ce-dataschema': 'https://example.com/paid.json',
          tenant: 'north',
        },
      });
      expect(second?.data).toEqual([1, 'ü']);

      const received = await readAll(server, channel);
      const stored = { ganomedeid: '1', ganomedetime: new Date(first?.timestamp ?? 0).toISOString() };
      expect(JSON.parse(JSON.stringify(received[0]))).toEqual({
        ...JSON.parse(JSON.stringify(event)),
        ...stored,
      });
      expect(received.map(({ id }) => id)).toEqual(['a', 'b']);
    },
  );

  it('what is sent as an event is a valid CloudEvent, whatever is in it', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const events = [
      { from: 'the shop of Zoë #1 #2 100% [x]\ud800', type: 'ü' },
      {
        from: 'shop',
        type: 't',
        data: [],
        metadata: { traceparent: '00-1-2-01', 'a.b-c_d': 'x', id: 'x', data: 'x', ganomedeid: '9' },
      },
      {
        ...{ from: 'shop', type: 't', data: { a: 1 } },
        metadata: {
          'ce-id': '',
          'ce-time': 'noon',
          'ce-dataschema': 'x',
          'ce-datacontenttype': 'x',
          'ce-subject': '',
        },
      },
    ];
    const [header] = (await (
      await server.fetch('/events', json({ clientId: 'c', channel: `${channel}:typed`, events }))
    ).json()) as { timestamp: number }[];
    const at = header?.timestamp ?? 0;
    const time = new Date(at).toISOString();
    const common = { specversion: '1.0', time, ganomedetime: time };
    const { href } = new URL(`/events/v1/events?clientId=r&channel=${channel}:typed&after=0`, server.origin);
    const response = await fetch(href, { headers: { ...BEARER, ...ACCEPT.headers } });
    expect(response.headers.get('content-type')).toBe('application/cloudevents-batch+json; charset=utf-8');
    expect(response.headers.get('events-last-id')).toBe('3');
    const received = (await receive(response)).map((event) => JSON.parse(JSON.stringify(event)));
    expect(received).toEqual([
      {
        ...{
          ...common,
          id: `${channel}/1@${at}`,
          source: 'the%20shop%20of%20Zo%C3%AB%20#1%20%232%20100%25%20%5Bx%5D%EF%BF%BD',
        },
        ...{ type: 'ü', ganomedeid: '1' },
      },
      {
        ...common,
        id: `${channel}/2@${at}`,
        source: 'shop',
        type: 't',
        datacontenttype: 'application/json',
        data: [],
        traceparent: '00-1-2-01',
        ganomedeid: '2',
      },
      {
        ...common,
        id: `${channel}/3@${at}`,
        source: 'shop',
        type: 't',
        datacontenttype: 'application/json',
        data: { a: 1 },
        ganomedeid: '3',
      },
    ]);
    await server.fetch('/redactions', json({ channel, ids: [3] }));
    const redacted = (await readAll(server, channel)).at(-1);
    expect(redacted).toMatchObject({ id: `${channel}/3@${at}`, ganomederedacted: true });
    expect(redacted?.data).toBeUndefined();
  });
});

describe('CloudEvents that are sent again', () => {
  it('are stored once, in whatever mode and batch they come', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const { datacontenttype: _, ...untyped } = paid;
    const first = new CloudEvent({ ...untyped, id: 'a' });
    const second = new CloudEvent({ ...paid, id: 'b' });
    expect(await emitterTo(server, channel, Mode.BINARY)(first)).toMatchObject({ id: 1 });
    expect(await emitterTo(server, channel, Mode.STRUCTURED)(first)).toMatchObject({ id: 1 });
    const batch = await post(server, channel, BATCH, [first, second, second]);
    expect(await batch.json()).toMatchObject([{ id: 1 }, { id: 2 }, { id: 2 }]);
    expect((await readAll(server, channel)).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('are others from another source; the same with other data is refused, and the rest of its batch stored', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const event = { specversion: '1.0', id: 'a', source: '/shop', type: 't' };
    const send = (body: object) => post(server, channel, Array.isArray(body) ? BATCH : STRUCTURED, body);
    expect(await (await send(event)).json()).toMatchObject({ id: 1 });
    expect(await (await send({ ...event, source: '/other' })).json()).toMatchObject({ id: 2 });
    const refused = await send([
      { ...event, data: {} },
      { ...event, id: 'b' },
    ]);
    expect([refused.status, await refused.json()]).toMatchObject([422, { code: 'IdempotencyKeyReused' }]);
    expect((await readAll(server, channel)).map(({ id }) => id)).toEqual(['a', 'a', 'b']);
  });

  it('are taken from another server of this kind with their extensions, but for those of that server', async () => {
    const server = await startServer();
    const [from, to] = [randomChannel(), randomChannel()];
    await server.publish(from, { n: 1 });
    await server.publish(to, { n: 0 });
    const [event] = await readAll(server, from);
    expect(await (await post(server, to, BATCH, [event])).json()).toMatchObject([{ id: 2 }]);
    const copy = (await readAll(server, to)).at(-1);
    expect(copy).toMatchObject({ id: event?.id, source: 'test', data: { n: 1 }, ganomedeid: '2' });
  });
});

describe('reads of CloudEvents', () => {
  it('wait as polls do, and answer an empty batch if nothing comes', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const waiting = server.fetch(`/events?clientId=r&channel=${channel}`, ACCEPT);
    await waitingPolls(server.store, 1);
    await server.publish(channel, { n: 1 });
    expect(await receive(await waiting)).toMatchObject([{ data: { n: 1 }, ganomedeid: '1' }]);
    const nothing = await server.fetch(`/events?clientId=r&channel=${channel}&after=1&timeout=0`, ACCEPT);
    expect(await nothing.text()).toBe('[]');
    const latest = await server.fetch(`/latest?channel=${channel}`, ACCEPT);
    expect(latest.headers.get('events-first-id')).toBe('1');
    expect(await receive(latest)).toMatchObject([{ data: { n: 1 } }]);
  });
});

describe('binary mode', () => {
  const headers = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' };

  it('has percent-encoded or quoted headers, and any kind of JSON', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const more = { 'ce-subject': 'Euro%20%E2%82%AC%20%F0%9F%98%80 100%', 'ce-tenant': '"the \\"north\\""' };
    const response = await post(server, channel, 'application/vnd.shop+json; charset=utf-8', '{"a":1}', {
      ...headers,
      ...more,
    });
    expect(await response.json()).toEqual({ id: 1, timestamp: expect.any(Number) });
    expect(await readAll(server, channel)).toMatchObject([
      {
        ...{ subject: 'Euro € 😀 100%', tenant: 'the "north"', data: { a: 1 } },
        datacontenttype: 'application/vnd.shop+json; charset=utf-8',
      },
    ]);
  });

  it('needs no data', async () => {
    const server = await startServer();
    const channel = randomChannel();
    expect((await post(server, channel, 'application/json', '', headers)).status).toBe(200);
    const url = `/events?clientId=shop&channel=${channel}`;
    expect((await server.fetch(url, { method: 'POST', headers: { ...headers, 'ce-id': '2' } })).status).toBe(
      200,
    );
    const events = await server.read(channel, { after: 0 });
    expect(events.map(({ data, metadata }) => [data, metadata])).toEqual([
      [undefined, { 'ce-id': '1' }],
      [undefined, { 'ce-id': '2' }],
    ]);
  });

  it.each([
    [
      { 'ce-subject': '%C0%A0' },
      'Invalid ce-subject: expected printable ASCII, and else percent-encoded UTF-8, got "%C0%A0"',
    ],
    [{ 'ce-subject': 'ü' }, 'Invalid ce-subject: expected printable ASCII'],
    [{ 'ce-id': '' }, 'Invalid id: expected a non-empty string, got ""'],
    [{ 'ce-specversion': '0.3' }, 'Invalid specversion: expected "1.0", got "0.3"'],
    [
      { 'ce-trace-id': 'x' },
      'Invalid CloudEvent: expected extensions named by 1 to 64 characters of a-z 0-9, got "trace-id"',
    ],
  ])('refuses %j', async (wrong, message) => {
    const server = await startServer();
    const response = await post(server, randomChannel(), 'application/json', '{}', { ...headers, ...wrong });
    expect([response.status, await response.json()]).toEqual([
      400,
      { code: 'InvalidContent', message: expect.stringContaining(message) },
    ]);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
    'takes no data of %s',
    async (type) => {
      const server = await startServer();
      const response = await post(server, randomChannel(), type, '{}', headers);
      expect([response.status, await response.json()]).toMatchObject([415, { code: 'UnsupportedMediaType' }]);
    },
  );
});

describe('a malformed CloudEvent', () => {
  const event = { specversion: '1.0', id: '1', source: '/s', type: 't' };

  it.each<[body: unknown, message: string]>([
    [[], 'Invalid CloudEvent: expected a JSON object, got an array'],
    ['"x"', 'Invalid CloudEvent: expected a JSON object, got "x"'],
    [{}, 'Invalid specversion: expected "1.0", got nothing'],
    [{ ...event, source: '' }, 'Invalid source: expected a non-empty string, got ""'],
    [{ ...event, type: undefined }, 'Invalid type: expected a non-empty string, got nothing'],
    [{ ...event, id: 1 }, 'Invalid id: expected a non-empty string, got 1'],
    [{ ...event, time: '2026-02-30T00:00:00Z' }, 'Invalid time: expected an RFC 3339 time'],
    [{ ...event, dataschema: 'relative' }, 'Invalid dataschema: expected an absolute URI'],
    [{ ...event, datacontenttype: 'json' }, 'Invalid datacontenttype: expected a media type'],
    [{ ...event, data: 'text' }, 'Invalid data: expected a JSON object or array, got "text"'],
    [{ ...event, data: null }, 'Invalid data: expected a JSON object or array, got null'],
    [{ ...event, data_base64: 'AA==' }, 'expected data as a JSON object or array, not in Base64'],
    [{ ...event, tooDeep: 'x' }, 'expected extensions named by 1 to 64 characters of a-z 0-9, got "tooDeep"'],
    [
      { ...event, constructor: { a: 1 } },
      'Invalid constructor: expected a string, a boolean or an integer, got an object',
    ],
    [{ ...event, big: 'x'.repeat(5_000) }, 'Invalid metadata: expected at most 4096 bytes'],
    ['{', 'Invalid JSON'],
  ])('%j is refused with what is wrong', async (body, message) => {
    const server = await startServer();
    const response = await post(server, randomChannel(), STRUCTURED, body);
    expect([response.status, await response.json()]).toEqual([
      400,
      { code: 'InvalidContent', message: expect.stringContaining(message) },
    ]);
  });

  it('in a batch is named, and nothing of the batch is stored', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const response = await post(server, channel, BATCH, [event, { ...event, source: 7 }]);
    const message = 'Invalid source in events/1: expected a non-empty string, got 7';
    expect([response.status, await response.json()]).toEqual([400, { code: 'InvalidContent', message }]);
    for (const [body, expected] of [
      [event, 'Invalid body: expected an array of CloudEvents, got an object'],
      [[], 'Invalid events: expected an array of 1 to 1000 events'],
      [
        Array.from({ length: 1_001 }, (_, i) => ({ ...event, id: `${i}` })),
        'Invalid events: expected an array of 1 to 1000 events',
      ],
    ] as const) {
      const refused = await post(server, channel, BATCH, body);
      expect([refused.status, await refused.json()]).toMatchObject([
        400,
        { message: expect.stringContaining(expected) },
      ]);
    }
    expect(await server.read(channel, { after: 0, timeout: 0 })).toEqual([]);
  });

  it('needs clientId and channel in the query, and the secret', async () => {
    const server = await startServer();
    const send = (query: string, headers = {}) =>
      server.fetch(`/events${query}`, {
        method: 'POST',
        headers: { 'Content-Type': STRUCTURED, ...headers },
        body: JSON.stringify(event),
      });
    const messageOf = async (response: Response) => ((await response.json()) as { message: string }).message;
    expect(await messageOf(await send('?channel=a'))).toMatch(/^Invalid Client ID: .* got nothing$/);
    expect(await messageOf(await send('?clientId=c'))).toMatch(/^Invalid Channel: .* got nothing$/);
    expect(await messageOf(await send('?clientId=c&channel=a&channel=b'))).toMatch(
      /^Invalid Channel: .* got an array$/,
    );
    expect((await send('?clientId=c&channel=a', { Authorization: 'Bearer x' })).status).toBe(401);
  });

  it('does not make other JSON welcome', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const body = { clientId: 'c', channel, from: 'f', type: 't' };
    expect((await post(server, channel, 'application/vnd.shop+json', body)).status).toBe(415);
    expect((await post(server, channel, 'application/cloudevents+avro', 'x')).status).toBe(415);
  });

  it('keeps no secret that stands in it', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const secret = BEARER.Authorization.slice('Bearer '.length);
    expect(
      (await post(server, channel, STRUCTURED, { ...event, secret }, { Authorization: '' })).status,
    ).toBe(200);
    expect(await server.read(channel, { after: 0 })).toMatchObject([{ metadata: { 'ce-id': '1' } }]);
    expect(JSON.stringify(await server.read(channel, { after: 0 }))).not.toContain(secret);
  });
});
