import { ACTIONS } from '@ganomede/events-protocol';
import { buildApp } from '@ganomede/events-server';
import Fastify, { type RouteOptions } from 'fastify';
import { expect, it } from 'vitest';
import { type Access, access, namesIn } from '../src/plugins/access.js';
import { json, startServer, type TestServer } from './support/server.js';
import { claims, mint, rights, TOKEN_SECRET } from './support/tokens.js';

const event = { from: 'f', type: 't', data: { name: 'x' } };
const index = { id: 'i', channel: 'indexed', field: 'data.name' };

const group = { channel: 'a:b', group: 'g' };

/** What needs a right, the right, for which channels, and for whom. Those of `listed` need it for any channel. */
const REQUESTS: [
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  payload: object | undefined,
  action: Access['action'],
  channels: string[] | 'listed',
  names?: { clientId?: string; group?: string },
][] = [
  ['POST', '/events', { clientId: 'c', channel: 'a:b', ...event }, 'publish', ['a:b'], { clientId: 'c' }],
  ['POST', '/events', { clientId: 'c', channel: 'a', events: [event] }, 'publish', ['a'], { clientId: 'c' }],
  [
    ...[
      'POST',
      '/appends',
      { clientId: 'c', appends: entries({ events: [event] }) },
      'publish',
      ['a', 'b:c'],
    ],
    ...[{ clientId: 'c' }],
  ] as unknown as (typeof REQUESTS)[0],
  [
    'POST',
    '/cursors',
    { clientId: 'c', cursors: entries({ after: 0 }) },
    'read',
    ['a', 'b:c'],
    { clientId: 'c' },
  ],
  ['POST', '/streams', { clientId: 'c', cursors: entries({}) }, 'read', ['a', 'b:c'], { clientId: 'c' }],
  ['PUT', '/groups', group, 'manage', ['a:b'], { group: 'g' }],
  ['PUT', '/groups', { ...group, deadLetters: 'dead' }, 'manage', ['a:b', 'dead'], { group: 'g' }],
  ['PUT', '/groups', { ...group, deadLetters: 'none' }, 'manage', ['a:b'], { group: 'g' }],
  [
    'POST',
    '/groups/receive',
    { ...group, clientId: 'c', limit: 1, timeout: 0 },
    'work',
    ['a:b'],
    { clientId: 'c', group: 'g' },
  ],
  ['POST', '/groups/settle', group, 'work', ['a:b'], { group: 'g' }],
  ['POST', '/groups/redrive', group, 'manage', ['a:b'], { group: 'g' }],
  ['GET', '/groups?channel=a:b', undefined, 'observe', ['a:b']],
  ['DELETE', '/groups?channel=a:b&group=g', undefined, 'manage', ['a:b'], { group: 'g' }],
  ['GET', '/events?clientId=c&channel=a&timeout=0', undefined, 'read', ['a'], { clientId: 'c' }],
  ['GET', '/events?clientId=c&channel=a&channel=b', undefined, 'read', ['a', 'b'], { clientId: 'c' }],
  ['GET', '/latest?channel=a', undefined, 'read', ['a']],
  ['GET', '/cursors?channel=a:b&time=1', undefined, 'read', ['a:b']],
  ['POST', '/indices', index, 'manage', ['indexed']],
  ['GET', '/indices', undefined, 'observe', 'listed'],
  ['GET', '/indices/i/x', undefined, 'read', ['indexed']],
  ['GET', '/channels?prefix=a', undefined, 'observe', 'listed'],
  ['GET', '/consumers?channel=a:b', undefined, 'observe', ['a:b']],
  ['POST', '/channels/trim', { channel: 'a', before: 1 }, 'manage', ['a']],
  ['POST', '/redactions', { channel: 'a', ids: [1] }, 'manage', ['a']],
  ['DELETE', '/consumers?channel=a:b&clientId=c', undefined, 'manage', ['a:b'], { clientId: 'c' }],
  ['DELETE', '/channels?channel=a', undefined, 'manage', ['a']],
];

function entries(more: object): object[] {
  return ['a', 'b:c'].map((channel) => ({ channel, ...more }));
}

/** How many entries a request has that are decided one by one. */
const entryCount = (url: string) => (['/appends', '/cursors', '/streams'].includes(url) ? 2 : undefined);

/**
 * What a request is refused with: of those whose entries are decided one by one of each, undefined where it is not.
 * What is not refused is not waited for: a stream would go on for ever.
 */
async function refusals(
  server: TestServer,
  [method, url, payload]: (typeof REQUESTS)[0],
  token: string,
): Promise<(string | undefined)[]> {
  const ended = new AbortController();
  const response = await fetch(`${server.origin}/events/v1${url}`, {
    method,
    signal: ended.signal,
    headers: { Authorization: `Bearer ${token}`, ...(payload && { 'Content-Type': 'application/json' }) },
    ...(payload && { body: JSON.stringify(payload) }),
  });
  try {
    if (url === '/streams' && response.status === 200) return await refusedCursors(response);
    const body = (await response.json()) as { code: string; results: { error?: { code: string } }[] };
    if (response.status === 403) {
      expect(response.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope"');
      return Array(entryCount(url) ?? 1).fill(body.code);
    }
    expect(response.status, `${method} ${url}: ${JSON.stringify(body)}`).not.toBe(401);
    if (entryCount(url) === undefined) return [undefined];
    return body.results.map(({ error }) => error?.code);
  } finally {
    ended.abort();
  }
}

/** Lines say which cursors are refused, once the stream has begun; one that is not refused brings nothing, as its channel is empty. */
async function refusedCursors({ body }: Response): Promise<(string | undefined)[]> {
  const refused: (string | undefined)[] = [undefined, undefined];
  for await (const text of (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    for (const line of text.trim().split('\n')) {
      const { cursor, error } = JSON.parse(line);
      if (cursor !== undefined) refused[cursor] = error.code;
    }
    break;
  }
  return refused;
}

const start = async () => {
  const server = await startServer({ tokenSecret: TOKEN_SECRET });
  await server.store.createIndex(index);
  return server;
};
const REFUSED = 'InsufficientScope';

/** The routes of a server that are not open to everybody. */
async function routes(): Promise<RouteOptions[]> {
  const found: RouteOptions[] = [];
  const { store } = await startServer();
  const app = buildApp({ store, config: { apiSecret: 'x' } });
  app.addHook('onRoute', (route) => void found.push(route));
  await app.ready();
  await app.close();
  return found.filter(({ config }) => config?.access !== undefined && config.access !== 'open');
}

it('each request of these, and none else, is of a route that is not open', async () => {
  const named = new Set(REQUESTS.map(([method, url]) => `${method} ${url.replace(/\?.*/, '')}`));
  const all = (await routes()).map(
    ({ method, url }) => `${method} ${url.replace('/events/v1', '').replace(':indexId/:indexValue', 'i/x')}`,
  );
  expect([...named].sort()).toEqual([...new Set(all)].sort());
});

it.each([...ACTIONS, 'none'])(
  'with the right %s each request is refused that needs another',
  async (right) => {
    const server = await start();
    const token = await mint(claims(...(right === 'none' ? [] : [rights([right])])));
    for (const request of REQUESTS) {
      const [method, url, , action] = request;
      const expected = Array(entryCount(url) ?? 1).fill(action === right ? undefined : REFUSED);
      expect([method, url, ...(await refusals(server, request, token))]).toEqual([method, url, ...expected]);
    }
    // Nothing is done by what is refused.
    if (right === 'none') {
      expect(await server.store.groups('a')).toEqual([]);
      expect((await server.store.read({ channel: 'a', after: 0, limit: 1 })).lastId).toBe(0);
      expect((await server.store.consumers('a', { limit: 1 })).length).toBe(0);
    }
  },
);

it('with rights on other channels, as others, and in other groups, each request is refused', async () => {
  const server = await start();
  const token = async (more: object) => mint(claims(rights(ACTIONS, more)));
  const others = await token({ channels: ['b*', 'a:x', 'de', 'index'] });
  const anotherClient = await token({ clientIds: ['d'] });
  const anotherGroup = await token({ groups: ['h'] });
  for (const request of REQUESTS) {
    const [method, url, , , channels, names = {}] = request;
    const all = (refused: boolean) => Array(entryCount(url) ?? 1).fill(refused ? REFUSED : undefined);
    if (channels !== 'listed') {
      const expected = entryCount(url) === undefined ? [REFUSED] : [REFUSED, undefined];
      expect([method, url, ...(await refusals(server, request, others))]).toEqual([method, url, ...expected]);
    }
    expect([method, url, ...(await refusals(server, request, anotherClient))]).toEqual([
      ...[method, url],
      ...all(names.clientId !== undefined),
    ]);
    expect([method, url, ...(await refusals(server, request, anotherGroup))]).toEqual([
      ...[method, url],
      ...all(names.group !== undefined),
    ]);
  }
});

it('with just the right that it needs each request is let through', async () => {
  const server = await start();
  for (const request of REQUESTS) {
    const [method, url, , action, channels, { clientId, group } = {}] = request;
    const only = {
      ...(channels !== 'listed' && { channels }),
      ...(clientId !== undefined && { clientIds: [clientId] }),
      ...(group !== undefined && { groups: [group] }),
    };
    const passed = await refusals(server, request, await mint(claims(rights([action], only))));
    expect([method, url, ...passed.filter((code) => code === REFUSED)]).toEqual([method, url]);
  }
});

it('what is no request is told so, and not whether it would be allowed', async () => {
  const server = await start();
  const headers = { Authorization: `Bearer ${await mint()}` };
  expect((await fetch(`${server.origin}/events/v1/latest`, { headers })).status).toBe(400);
});

it('an index tells its channel to nobody who may not read it', async () => {
  const server = await start();
  const headers = { Authorization: `Bearer ${await mint(claims(rights(['read'], { channels: ['a'] })))}` };
  const response = await fetch(`${server.origin}/events/v1/indices/i/x`, { headers });
  expect([response.status, await response.json()]).toEqual([
    403,
    { code: REFUSED, message: 'The token gives no right to read its channel' },
  ]);
});

it('an index tells its channel and field to nobody who defines another', async () => {
  const server = await start();
  const define = async (channel: string) => {
    const token = await mint(claims(rights(['manage'], { channels: [channel] })));
    const { headers, ...init } = json({ id: 'i', channel, field: 'type' });
    const response = await fetch(`${server.origin}/events/v1/indices`, {
      ...init,
      headers: { ...(headers as object), Authorization: `Bearer ${token}` },
    });
    return `${response.status} ${((await response.json()) as { message: string }).message}`;
  };
  expect(await define('a')).toBe('409 Index "i" exists already: expected another channel, got "a"');
  expect(await define('indexed')).toBe(
    '409 Index "i" exists already: expected field "data.name", got "type"',
  );
});

it('a list shows what may be seen, page by page', async () => {
  const server = await start();
  for (const channel of ['a', 'ab', 'abc', 'b', 'c/1', 'c/2', 'c/3', 'd']) {
    await server.publish(channel);
    await server.store.createIndex({ id: `of ${channel}`, channel, field: 'type' });
    for (const clientId of ['one', 'three', 'two'])
      await server.store.saveCursor(clientId, channel, 1, undefined);
    for (const name of ['g1', 'g2']) await server.store.saveGroup(channel, name, {}, 'first');
  }
  const seen = async (detail: object, path: string) => {
    const token = await mint(claims(rights(['observe'], detail)));
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`${server.origin}/events/v1${path}`, { headers });
    expect(response.status).toBe(200);
    type Row = { channel: string; clientId?: string; group?: string };
    return ((await response.json()) as Row[]).map(({ channel, clientId, group }) =>
      path.startsWith('/consumers') ? (clientId ?? group) : path.startsWith('/groups') ? group : channel,
    );
  };
  const some = { channels: ['c/*', 'ab', 'a', 'c/1', 'abx', 'b:typed'] };
  expect(await seen(some, '/channels')).toEqual(['a', 'ab', 'c/1', 'c/2', 'c/3']);
  expect(await seen(some, '/channels?limit=3')).toEqual(['a', 'ab', 'c/1']);
  expect(await seen(some, '/channels?limit=3&after=c/1')).toEqual(['c/2', 'c/3']);
  expect(await seen(some, '/channels?prefix=ab')).toEqual(['ab']);
  expect(await seen(some, '/channels?prefix=c/2')).toEqual(['c/2']);
  expect(await seen(some, '/channels?prefix=d')).toEqual([]);
  expect(await seen({}, '/channels?limit=2&after=b')).toEqual(['c/1', 'c/2']);
  expect(await seen(some, '/indices')).toEqual(['a', 'ab', 'c/1', 'c/2', 'c/3']);
  expect(
    await seen({ channels: ['c*'], clientIds: ['t*'], groups: ['g2'] }, '/consumers?channel=c/1'),
  ).toEqual([...['three', 'two', 'g2']]);
  const other = { clientIds: ['two'], groups: [] };
  expect(await seen(other, '/consumers?channel=a&limit=1')).toEqual(['two']);
  expect(await seen(other, '/consumers?channel=a&limit=1&after=two')).toEqual([]);
  expect(await seen({ groups: ['g1'] }, '/groups?channel=a')).toEqual(['g1']);
});

it('the table of the routes and their rights is that of the routes', async () => {
  const seenTo = ({ channelOf }: Access) => {
    if (channelOf === 'each entry') return 'of each entry, by itself';
    if (channelOf === 'looked up') return 'of the index';
    return channelOf === 'listed' ? 'those that may be seen are listed' : 'yes';
  };
  const rows = (await routes()).map(({ method, url, schema, config }) => {
    const needed = config?.access as Access;
    const names = namesIn(schema);
    const looked = (name: 'clientId' | 'group') => (names.includes(name) ? 'yes' : '');
    return `| \`${method} ${url}\` | \`${needed.action}\` | ${seenTo(needed)} | ${looked('clientId')} | ${looked('group')} |`;
  });
  const table = [
    '# Routes and rights',
    '',
    'Made from the routes by a test of the server, which also compares it with them. What the rights are is in [tokens](tokens.md). Routes',
    'that are not here are open to everybody.',
    '',
    '| request | right | channel | clientId | group |',
    '| --- | --- | --- | --- | --- |',
    ...[...new Set(rows)].sort(),
    '',
  ];
  await expect(table.join('\n')).toMatchFileSnapshot('../../../docs/routes-and-rights.md');
});

it('a CloudEvent is a publish to the channel of the query', async () => {
  const server = await start();
  const event = { specversion: '1.0', id: '1', source: '/s', type: 't' };
  for (const [type, payload] of [
    ['application/cloudevents+json', event],
    ['application/cloudevents-batch+json', [event]],
  ] as const) {
    for (const [channel, status] of [
      ['a:b', 200],
      ['a:c', 403],
    ] as const) {
      const token = await mint(claims(rights(['publish'], { channels: ['a:b'] })));
      const response = await fetch(`${server.origin}/events/v1/events?clientId=c&channel=${channel}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': type },
        body: JSON.stringify(payload),
      });
      expect([type, channel, response.status]).toEqual([type, channel, status]);
    }
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
