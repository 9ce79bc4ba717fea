import { EventsError } from '@ganomede/events-protocol';
import { eventsPlugin } from '@ganomede/events-server';
import type { EventStore } from '@ganomede/events-store';
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { access, type Identity } from '../src/plugins/access.js';
import { BEARER, SECRET, startServer } from './support/server.js';

const event = { from: 'f', type: 't', data: { name: 'x' } };
const index = { id: 'i', channel: 'indexed', field: 'data.name' };

const group = { channel: 'a:b', group: 'g' };

/** What needs a right, the right, and for which channels. */
const REQUESTS: [
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  payload: object | undefined,
  ...right: unknown[],
][] = [
  ['POST', '/events', { clientId: 'c', channel: 'a:b', ...event }, 'publish', ['a:b']],
  ['POST', '/events', { clientId: 'c', channel: 'a', events: [event] }, 'publish', ['a']],
  [
    ...[
      'POST',
      '/appends',
      { clientId: 'c', appends: ['a', 'b:c'].map((channel) => ({ channel, events: [event] })) },
    ],
    ...['publish', ['a'], 'publish', ['b:c']],
  ] as unknown as (typeof REQUESTS)[0],
  [
    ...[
      'POST',
      '/cursors',
      { clientId: 'c', cursors: ['a', 'b:c'].map((channel) => ({ channel, after: 0 })) },
    ],
    ...['read', ['a'], 'read', ['b:c']],
  ] as unknown as (typeof REQUESTS)[0],
  ['PUT', '/groups', group, 'manage', ['a:b']],
  ['PUT', '/groups', { ...group, deadLetters: 'dead' }, 'manage', ['a:b', 'dead']],
  ['PUT', '/groups', { ...group, deadLetters: 'none' }, 'manage', ['a:b']],
  ['POST', '/groups/receive', { ...group, clientId: 'c', limit: 1, timeout: 0 }, 'work', ['a:b']],
  ['POST', '/groups/settle', group, 'work', ['a:b']],
  ['POST', '/groups/redrive', group, 'manage', ['a:b']],
  ['GET', '/groups?channel=a:b', undefined, 'observe', ['a:b']],
  ['DELETE', '/groups?channel=a:b&group=g', undefined, 'manage', ['a:b']],
  ['GET', '/events?clientId=c&channel=a&timeout=0', undefined, 'read', ['a']],
  ['GET', '/events?clientId=c&channel=a&channel=b', undefined, 'read', ['a', 'b']],
  ['GET', '/latest?channel=a', undefined, 'read', ['a']],
  ['GET', '/cursors?channel=a:b&time=1', undefined, 'read', ['a:b']],
  ['POST', '/indices', index, 'manage', ['indexed']],
  ['GET', '/indices', undefined, 'observe', []],
  ['GET', '/indices/i/x', undefined, 'read', ['indexed']],
  ['GET', '/channels?prefix=a', undefined, 'observe', []],
  ['GET', '/consumers?channel=a:b', undefined, 'observe', ['a:b']],
  ['POST', '/channels/trim', { channel: 'a', before: 1 }, 'manage', ['a']],
  ['POST', '/redactions', { channel: 'a', ids: [1] }, 'manage', ['a']],
  ['DELETE', '/consumers?channel=a:b&clientId=c', undefined, 'manage', ['a:b']],
  ['DELETE', '/channels?channel=a', undefined, 'manage', ['a']],
];

/** The plugin in an app where everybody who knows the secret is somebody else. */
async function startAs(identity: Identity): Promise<{ app: FastifyInstance; store: EventStore }> {
  const { store } = await startServer();
  await store.createIndex(index);
  const app = Fastify();
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.eventsIdentity) request.eventsIdentity = identity;
    done();
  });
  await app.register(eventsPlugin, { prefix: '/events/v1', store, apiSecret: SECRET });
  onTestFinished(() => app.close());
  return { app, store };
}

const send = (app: FastifyInstance, method: InjectOptions['method'], url: string, payload?: object) =>
  app.inject({
    method: method as 'GET',
    url: `/events/v1${url}`,
    headers: BEARER,
    ...(payload && { payload }),
  });

it('every route asks whether its caller may do what it does, with the channels that the request addresses', async () => {
  const asked: unknown[] = [];
  const { app } = await startAs({ check: (action, channels) => void asked.push(action, channels) });
  for (const [method, url, payload, ...right] of REQUESTS) {
    await send(app, method, url, payload);
    expect([url, ...asked.splice(0)]).toEqual([url, ...right]);
  }
  for (const url of ['/ping/x', '/about', '/health/live', '/health/ready', '/metrics', '/openapi.json', '/asyncapi.json']) {
    expect((await send(app, 'GET', url)).statusCode).toBe(200);
  }
  expect(asked).toEqual([]);
});

it('whoever may not is refused once the request is valid, and nothing is done', async () => {
  const refusal = new EventsError('InvalidCredentialsError', 'Not with these credentials');
  const { app, store } = await startAs({
    check: () => {
      throw refusal;
    },
  });
  for (const [method, url, payload] of REQUESTS) {
    const response = await send(app, method, url, payload);
    if (url === '/appends' || url === '/cursors') {
      const { code, message } = refusal;
      // Each by itself.
      expect(response.json()).toEqual({ results: Array(2).fill({ error: { code, message } }) });
      continue;
    }
    expect([url, response.statusCode, response.json().message]).toEqual([url, 401, refusal.message]);
  }
  expect((await send(app, 'GET', '/latest')).statusCode).toBe(400);
  expect((await store.read({ channel: 'a', after: 0, limit: 1 })).lastId).toBe(0);
  expect(await store.groups('a')).toEqual([]);
});

it('a CloudEvent is a publish to the channel of the query', async () => {
  const asked: unknown[] = [];
  const { app } = await startAs({ check: (action, channels) => void asked.push(action, channels) });
  const event = { specversion: '1.0', id: '1', source: '/s', type: 't' };
  for (const [type, payload] of [
    ['application/cloudevents+json', event],
    ['application/cloudevents-batch+json', [event]],
  ] as const) {
    const headers = { ...BEARER, 'content-type': type };
    const url = '/events/v1/events?clientId=c&channel=a:b';
    const { statusCode } = await app.inject({ method: 'POST', url, headers, payload: JSON.stringify(payload) });
    expect([statusCode, ...asked.splice(0)]).toEqual([200, 'publish', ['a:b']]);
  }
});

it('a route that does not say who may use it is refused at the start', async () => {
  const app = Fastify();
  await app.register(access);
  app.register(async (fastify) => {
    fastify.get('/forgotten', async () => 'everything');
  });
  await expect(app.ready()).rejects.toThrow(
    'Invalid route GET /forgotten: expected config.access, "open" for everybody; got none',
  );
});
