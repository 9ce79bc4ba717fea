import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import {
  Append,
  AppendsBody,
  BatchPublishBody,
  CloudEventsQuery,
  CreateIndexBody,
  CursorsBody,
  DeleteChannelQuery,
  DeleteConsumerQuery,
  DeleteGroupQuery,
  FindCursorQuery,
  LatestQuery,
  ListChannelsQuery,
  ListConsumersQuery,
  ListGroupsQuery,
  PublishBody,
  ReadIndexQuery,
  ReadQuery,
  ReceiveBody,
  RedactBody,
  RedriveBody,
  SaveGroupBody,
  SeenCursor,
  SettleBody,
  StreamCursor,
  StreamsBody,
  TrimChannelBody,
} from '@ganomede/events-protocol/schemas';
import type { TObject } from '@sinclair/typebox';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { randomChannel, SECRET, startServer } from './support/server.js';
import { inSeconds, part, rights, TOKEN_SECRET } from './support/tokens.js';

const RUNS = 1_000;

/** A request as it goes out: nothing checks it before the server does. */
interface Malformed {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 400 }));
const anyJson = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>('', -1, 0, 1e21, 'NaN', [], {}, null, '__proto__'),
);
/** What is fit for its field, so that the fields behind it are reached. */
const fit: Record<string, unknown> = {
  clientId: 'c',
  channel: 'malformed',
  secret: SECRET,
  from: 'f',
  type: 't',
  events: [{ from: 'f', type: 't' }],
  appends: [{ channel: 'malformed', events: [{ from: 'f', type: 't' }] }],
  cursors: [{ channel: 'malformed', after: 1 }],
  after: 1,
  start: 'new',
  time: '1',
  expectedLastId: 0,
  metadata: { a: 'b' },
  id: 'malformed',
  field: 'data.x',
  limit: 1,
  prefix: 'mal',
  before: 1,
  ids: [1, 2],
  timeout: 1,
  group: 'g',
  leaseMs: 1,
  maxDeliveries: 1,
  backoffMs: [1],
  maxPending: 1,
  order: 'data.x',
  deadLetters: 'none',
  settle: { acknowledge: [{ id: 1, token: 'x' }] },
  acknowledge: [{ id: 1, token: 'x' }],
  release: [{ id: 1, token: 'x', delayMs: 1, reason: 'r', uncounted: true }],
  reject: [{ id: 1, token: 'x', reason: 'r' }],
  extend: [{ id: 1, token: 'x', leaseMs: 1 }],
};

/** Objects with the fields of a schema: each fit, missing, or anything; and perhaps one more. */
const likeSchema = (schema: TObject): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .tuple(
      fc.record(
        Object.fromEntries(
          Object.keys(schema.properties).map((name) => [
            name,
            fc.oneof({ arbitrary: fc.constant(fit[name]), weight: 4 }, { arbitrary: anyJson, weight: 1 }),
          ]),
        ),
        { requiredKeys: [] },
      ),
      fc.dictionary(fc.string(), anyJson, { maxKeys: 1 }),
    )
    .map(([fields, more]) => ({ ...more, ...fields }));

const broken = (text: string): fc.Arbitrary<string> =>
  fc.oneof(
    { arbitrary: fc.constant(text), weight: 4 },
    { arbitrary: fc.nat(text.length).map((end) => text.slice(0, end)), weight: 1 },
    { arbitrary: anyText, weight: 1 },
  );

/** Half a surrogate pair cannot be encoded. */
const encode = (text: string) => encodeURIComponent(Buffer.from(text).toString());

const queryOf = (fields: Record<string, unknown>) =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return `${encode(name)}=${encode(text)}`;
    })
    .join('&');

const type = fc.constantFrom(
  'application/json',
  'application/json',
  'application/x-www-form-urlencoded',
  'text/plain',
  'x',
);
const post = (path: string, schema: TObject, more = {}, method = 'POST'): fc.Arbitrary<Malformed> =>
  fc
    .tuple(
      likeSchema(schema).chain((fields) => broken(JSON.stringify({ ...fields, ...more }))),
      type,
      fc.boolean(),
    )
    .map(([body, contentType, authorized]) => ({
      method,
      path,
      headers: { 'Content-Type': contentType, ...(authorized ? { Authorization: `Bearer ${SECRET}` } : {}) },
      body,
    }));
const get = (path: fc.Arbitrary<string>, schema: TObject, method = 'GET'): fc.Arbitrary<Malformed> =>
  fc
    .tuple(
      path,
      likeSchema(schema).chain((fields) => broken(queryOf(fields))),
      fc.constantFrom('', 'text/event-stream', 'application/cloudevents-batch+json'),
    )
    .map(([start, query, accept]) => ({
      method,
      path: `${start}?${query.replaceAll(/[^\x21-\x7e]/g, '%')}`,
      headers: {
        Authorization: `Bearer ${SECRET}`,
        ...(accept === ''
          ? {}
          : { Accept: accept, 'Last-Event-ID': query.slice(0, 20).replaceAll(/[^\x21-\x7e]/g, '') }),
      },
      body: undefined,
    }));

/** Tokens whose parts are fit, missing or anything, signed as they should be, or not. */
const anyToken: fc.Arbitrary<string> = fc
  .record({
    head: fc.oneof(
      fc.constantFrom<unknown>({ alg: 'HS256' }, { alg: 'HS256', crit: ['x'] }, { alg: 'none' }, { alg: 7 }),
      anyJson,
    ),
    claims: fc.record({
      ...{
        iss: fc.oneof(fc.constant('ganomede-events'), anyJson),
        aud: fc.oneof(fc.constant('ganomede-events'), anyJson),
      },
      ...{ exp: fc.oneof(fc.constant(inSeconds(3_600)), anyJson), nbf: fc.oneof(fc.constant(0), anyJson) },
      authorization_details: fc.oneof(
        anyJson,
        fc.array(
          fc.oneof(
            anyJson,
            fc.constant(rights(['read'])),
            fc.record({ type: fc.constant('ganomede-events'), actions: anyJson, channels: anyJson }),
          ),
        ),
      ),
    }),
    signature: fc.option(fc.string()),
  })
  .map(({ head, claims, signature }) => {
    const input = `${part(head)}.${part(claims)}`;
    const right = createHmac('sha256', TOKEN_SECRET).update(input).digest('base64url');
    return `${input}.${signature === null ? right : part(signature)}`;
  });

const p = '/events/v1';
const fitAttributes = { specversion: '1.0', id: '1', source: '/s', type: 't', data: {} };
const likeCloudEvent = fc
  .tuple(
    fc.dictionary(fc.string(), anyJson, { maxKeys: 2 }),
    fc.record(
      Object.fromEntries(
        [
          ...Object.keys(fitAttributes),
          'subject',
          'time',
          'datacontenttype',
          'dataschema',
          'data_base64',
          'constructor',
        ].map((name) => [
          name,
          fc.oneof(
            { arbitrary: fc.constant((fitAttributes as Record<string, unknown>)[name]), weight: 6 },
            { arbitrary: anyJson, weight: 1 },
          ),
        ]),
      ),
    ),
  )
  .map(([more, attributes]) => ({ ...more, ...attributes }));
const cloudEvents: fc.Arbitrary<Malformed> = fc
  .tuple(
    fc
      .oneof(likeCloudEvent, fc.array(likeCloudEvent, { maxLength: 3 }), anyJson)
      .chain((body) => broken(JSON.stringify(body) ?? '')),
    likeSchema(CloudEventsQuery),
    fc.constantFrom('application/cloudevents+json', 'application/cloudevents-batch+json', 'application/json'),
    fc.dictionary(
      fc.constantFrom('ce-id', 'ce-specversion', 'ce-source', 'ce-type', 'ce-time', 'ce-x', 'ce-__proto__'),
      fc.oneof(fc.constant('1.0'), fc.string()),
    ),
  )
  .map(([body, query, contentType, headers]) => ({
    method: 'POST',
    path: `${p}/events?${queryOf(query).replaceAll(/[^\x21-\x7e]/g, '%')}`,
    headers: { 'Content-Type': contentType, Authorization: `Bearer ${SECRET}`, ...headers },
    body,
  }));
const anyPath = anyText.map((text) => encode(text));
const anyRequest: fc.Arbitrary<Malformed> = fc.oneof(
  post(`${p}/events`, PublishBody),
  post(`${p}/events`, BatchPublishBody),
  cloudEvents,
  post(`${p}/appends`, AppendsBody),
  fc
    .array(fc.oneof(likeSchema(Append), anyJson), { maxLength: 4 })
    .chain((appends) => post(`${p}/appends`, AppendsBody, { appends })),
  post(`${p}/cursors`, CursorsBody),
  fc
    .array(fc.oneof(likeSchema(SeenCursor), anyJson), { maxLength: 4 })
    .chain((cursors) => post(`${p}/cursors`, CursorsBody, { cursors })),
  post(`${p}/streams`, StreamsBody),
  fc
    .array(fc.oneof(likeSchema(StreamCursor), anyJson), { maxLength: 4 })
    .chain((cursors) => post(`${p}/streams`, StreamsBody, { cursors })),
  post(`${p}/groups`, SaveGroupBody, {}, 'PUT'),
  post(`${p}/groups/receive`, ReceiveBody),
  post(`${p}/groups/settle`, SettleBody),
  fc
    .array(fc.oneof(anyJson, fc.record({ id: anyJson, token: anyJson, leaseMs: anyJson, reason: anyJson })))
    .chain((list) =>
      post(`${p}/groups/settle`, SettleBody, {
        acknowledge: list,
        release: list,
        reject: list,
        extend: list,
      }),
    ),
  post(`${p}/groups/redrive`, RedriveBody),
  get(fc.constant(`${p}/groups`), ListGroupsQuery),
  get(fc.constant(`${p}/groups`), DeleteGroupQuery, 'DELETE'),
  post(`${p}/indices`, CreateIndexBody),
  get(fc.constant(`${p}/events`), ReadQuery),
  get(fc.constant(`${p}/latest`), LatestQuery),
  get(fc.constant(`${p}/cursors`), FindCursorQuery),
  post(`${p}/channels/trim`, TrimChannelBody),
  post(`${p}/redactions`, RedactBody),
  get(fc.constant(`${p}/channels`), ListChannelsQuery),
  get(fc.constant(`${p}/consumers`), ListConsumersQuery),
  get(fc.constant(`${p}/channels`), DeleteChannelQuery, 'DELETE'),
  get(fc.constant(`${p}/consumers`), DeleteConsumerQuery, 'DELETE'),
  get(
    fc.tuple(anyPath, anyPath).map(([id, value]) => `${p}/indices/${id}/${value}`),
    ReadIndexQuery,
  ),
  anyToken.map((token) => ({
    method: 'GET',
    path: `${p}/latest?channel=malformed`,
    headers: { Authorization: `Bearer ${token}` },
    body: undefined,
  })),
  fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'),
    path: fc.oneof(
      anyPath.map((path) => `/${path}`),
      anyPath.map((path) => `${p}/ping/${path}`),
      fc.constant(`${p}/events`),
    ),
    headers: fc.constant({}),
    body: fc.option(anyText, { nil: undefined }),
  }),
);

function send(port: number, { method, path, headers, body }: Malformed): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const outgoing = request(
      { port, host: '127.0.0.1', method, path, headers: { ...headers, ...length } },
      (response) => {
        // A stream would go on for ever: its head is answer enough.
        if (/^(text\/event-stream|application\/x-ndjson)/.test(response.headers['content-type'] ?? ''))
          outgoing.destroy();
        else response.resume();
        response.once('close', () => resolve(response.statusCode ?? 0));
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

it(`${RUNS} malformed requests of every kind leave no 500, and the server goes on`, async () => {
  const server = await startServer({ pollTimeoutMs: 5, tokenSecret: TOKEN_SECRET });
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.warn(`malformed requests: SEED=${seed}`);
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  const statuses = new Map<number, number>();
  for (const malformed of fc.sample(anyRequest, { numRuns: RUNS, seed })) {
    const status = await send(server.port, malformed);
    expect(status, `SEED=${seed} ${JSON.stringify(malformed)}`).toBeLessThan(500);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
  for (const status of [200, 400, 401, 404, 405, 415])
    expect(statuses.get(status), `${status}`).toBeGreaterThan(0);
  const channel = randomChannel();
  expect(await server.publish(channel)).toMatchObject({ id: 1 });
  expect(await server.read(channel)).toHaveLength(1);
}, 60_000);
