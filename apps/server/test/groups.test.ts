import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import type {
  GroupState,
  ReceiveReply,
  SaveGroupReply,
  SettleReply,
} from '@ganomede/events-protocol/schemas';
import type { Static } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { BEARER, json, randomChannel, startServer, type TestServer, waitingPolls } from './support/server.js';

type Received = Static<typeof ReceiveReply>;
type Delivered = Received['events'][number];

const GROUP = 'mailers';
/** The defaults of every group. */
const SETTINGS = {
  leaseMs: 30_000,
  maxDeliveries: 10,
  backoffMs: [1_000, 5_000, 30_000, 300_000],
  maxPending: 1_000,
};

const LONG = 'x'.repeat(257);
const NAMES = [undefined, '', 42, null, ['a'], { a: 1 }, 'a\u0000b', LONG, '\ud800'];
const NUMBERS = ['1', 1.5, -1, null, true, [], {}, 1e300];

const put = (body: object): RequestInit => ({ ...json(body), method: 'PUT' });

/** A server, and requests of one group on one channel of it. */
async function startGroup(options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer(options);
  const channel = randomChannel();
  const of = { channel, group: GROUP };
  const post = async <Reply>(path: string, body: object): Promise<Reply> => {
    const response = await server.fetch(`/groups/${path}`, json({ ...of, ...body }));
    const reply = (await response.json()) as Reply;
    expect(response.status, JSON.stringify(reply)).toBe(200);
    return reply;
  };
  return {
    server,
    channel,
    of,
    publish: (data?: object) => server.publish(channel, data),
    save: async (body: object) => {
      const response = await server.fetch('/groups', put({ ...of, ...body }));
      return { status: response.status, body: (await response.json()) as Static<typeof SaveGroupReply> };
    },
    receive: (body: object = {}) =>
      post<Received>('receive', { clientId: 'w', limit: 10, timeout: 0, ...body }),
    settle: (body: object) => post<SettleReply>('settle', body),
    redrive: (body: object = {}) => post<{ ids: number[] }>('redrive', body),
    state: async () => {
      const response = await server.fetch(`/groups?channel=${encodeURIComponent(channel)}`);
      expect(response.status).toBe(200);
      return ((await response.json()) as GroupState[])[0] as GroupState;
    },
  };
}

const tokens = (events: readonly Delivered[]) => events.map(({ id, delivery: { token } }) => ({ id, token }));
const ids = (events: readonly { id: number }[]) => events.map(({ id }) => id);

/** A request whose connection the test can end. */
function hangUpOn(server: TestServer, body: object): ClientRequest {
  const headers = { ...BEARER, 'Content-Type': 'application/json' };
  const outgoing = request(`${server.origin}/events/v1/groups/receive`, { method: 'POST', headers });
  outgoing.on('error', () => {});
  outgoing.end(JSON.stringify(body));
  return outgoing;
}

describe('PUT /groups', () => {
  it('creates a group, changes its settings, and not its order', async () => {
    const { save, of, state } = await startGroup();
    expect(await save({ order: 'data.user', leaseMs: 5 })).toEqual({
      status: 201,
      body: { ...of, settings: { ...SETTINGS, order: 'data.user', leaseMs: 5 } },
    });
    const settings = { order: 'data.user', deadLetters: 'none', maxPending: 7, backoffMs: [0], more: 1 };
    const { more: _, ...known } = settings;
    const changed = { ...SETTINGS, ...known };
    expect(await save(settings)).toEqual({ status: 200, body: { ...of, settings: changed } });
    expect(await save({ order: '*' })).toEqual({
      status: 409,
      body: {
        code: 'Conflict',
        message: 'Group "mailers" exists already: expected order "data.user", got order "*"',
      },
    });
    expect((await save({})).status).toBe(409);
    expect((await state()).settings).toEqual(changed);
  });

  it('begins where it is told to, and so does the first receive', async () => {
    const { save, publish, receive, server, channel } = await startGroup();
    await publish();
    await save({ start: 'new' });
    const other = { group: 'others', start: 'new' };
    expect((await receive(other)).events).toEqual([]);
    await publish();
    expect(ids((await receive()).events)).toEqual([2]);
    expect(ids((await receive({ ...other, start: 'first' })).events)).toEqual([2]);
    expect(ids((await receive({ group: 'all' })).events)).toEqual([1, 2]);
    expect(ids(await server.read(channel, { after: 0 })), 'cursors are another thing').toEqual([1, 2]);
  });
});

describe('POST /groups/receive', () => {
  it('hands out each event once, and again what nobody acknowledges', async () => {
    const { publish, receive, settle, state, server } = await startGroup();
    for (const n of [1, 2, 3]) await publish({ n, text: 'ä' });
    const first = await receive({ limit: 2 });
    expect(first).toEqual({
      events: [1, 2].map((n) => ({
        id: n,
        timestamp: expect.any(Number),
        from: 'test',
        type: 'add',
        data: { n, text: 'ä' },
        delivery: {
          token: expect.stringMatching(/^[\w-]{1,100}$/),
          count: 1,
          maxDeliveries: 10,
          leaseMs: 30_000,
        },
      })),
    });
    const second = await receive({ clientId: 'v', leaseMs: 1_000 });
    expect(second.events.map(({ id, delivery: { leaseMs } }) => [id, leaseMs])).toEqual([[3, 1_000]]);
    expect(await receive()).toEqual({ events: [] });
    expect(await state()).toMatchObject({
      pending: 3,
      workers: expect.arrayContaining([
        { clientId: 'w', pending: 2 },
        { clientId: 'v', pending: 1 },
      ]),
      oldestPendingMs: expect.any(Number),
      isFull: false,
      after: 3,
    });
    const [one, two] = tokens(first.events);
    expect(await settle({ acknowledge: [one], release: [{ ...two, delayMs: 0, reason: 'why' }] })).toEqual({
      acknowledge: [{ id: 1, status: 'done' }],
      release: [{ id: 2, status: 'done' }],
    });
    const again = await receive();
    expect(again.events.map(({ id, delivery: { count } }) => [id, count])).toEqual([[2, 2]]);
    expect(await state()).toMatchObject({ pending: 2, redelivered: 1 });
    const metrics = await (await fetch(`${server.origin}/metrics`)).text();
    expect(metrics).toMatch(/^events_delivered_total 4$/m);
    expect(metrics).toMatch(/^events_store_call_duration_seconds_count\{call="settle",outcome="ok"\} 1$/m);
  });

  it('waits, until an event comes or its time is over', async () => {
    const { publish, receive, server } = await startGroup();
    expect(await receive({ timeout: 1 })).toEqual({ events: [] });
    const waiting = receive({ timeout: 10_000 });
    await waitingPolls(server.store, 1);
    await publish();
    expect(ids((await waiting).events)).toEqual([1]);
  });

  it('is woken by what another worker gives back, and by a lease that ends', async () => {
    const { publish, receive, settle, server, save } = await startGroup();
    await save({ backoffMs: [0] });
    await publish();
    const [event] = tokens((await receive()).events);
    const released = receive({ timeout: 10_000, leaseMs: 1 });
    await waitingPolls(server.store, 1);
    await settle({ release: [{ ...event, uncounted: true }] });
    expect((await released).events[0]?.delivery.count).toBe(1);
    expect((await receive({ timeout: 10_000 })).events[0]?.delivery.count).toBe(2);
  });

  it('settles first, and hands out what that has freed', async () => {
    const { publish, receive, save } = await startGroup();
    await save({ order: '*' });
    await publish();
    await publish();
    const [one] = tokens((await receive()).events);
    const reply = await receive({
      settle: { acknowledge: [one], release: [], extend: [{ id: 9, token: 'x' }] },
    });
    expect(reply.settled).toEqual({
      acknowledge: [{ id: 1, status: 'done' }],
      release: [],
      extend: [{ id: 9, status: 'stale' }],
    });
    expect(ids(reply.events)).toEqual([2]);
  });

  it('gives one type of a channel to a group of that', async () => {
    const { publish, receive, channel, server } = await startGroup();
    await publish();
    await server.fetch('/events', json({ clientId: 'c', channel, from: 'f', type: 'paid' }));
    expect(ids((await receive({ channel: `${channel}:paid` })).events)).toEqual([2]);
    const groups = await server.fetch(`/groups?channel=${encodeURIComponent(channel)}`);
    expect(await groups.json()).toMatchObject([{ channel: `${channel}:paid`, pending: 1 }]);
  });

  it('hands out nothing to a client that has hung up while it waited', async () => {
    const { publish, receive, server, of } = await startGroup();
    const gone = hangUpOn(server, { ...of, clientId: 'gone', limit: 1 });
    await waitingPolls(server.store, 1);
    gone.destroy();
    await waitingPolls(server.store, 0);
    await publish();
    expect((await receive()).events[0]?.delivery.count).toBe(1);
  });

  it('gives back, uncounted, what it has handed out to a client that hung up before the answer', async () => {
    const { publish, receive, server, of, state } = await startGroup();
    await publish();
    const { store } = server;
    const receiveOf = store.receive.bind(store);
    let handedOut = () => {};
    const whenHandedOut = new Promise<void>((resolve) => {
      handedOut = resolve;
    });
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    store.receive = async (...args) => {
      const received = await receiveOf(...args);
      handedOut();
      await gate;
      return received;
    };
    const hungUp = once(server.app.server, 'connection').then(([socket]) => once(socket, 'close'));
    const gone = hangUpOn(server, { ...of, clientId: 'gone', limit: 1 });
    await whenHandedOut;
    expect((await state()).pending).toBe(1);
    store.receive = receiveOf;
    gone.destroy();
    await hungUp;
    goOn();
    const { events } = await receive({ timeout: 10_000 });
    expect(events.map(({ id, delivery: { count } }) => [id, count])).toEqual([[1, 1]]);
  });

  it('has given back what was handed out to nobody before it answers: the store may be closed then', async () => {
    const { publish, server, of, state } = await startGroup();
    await publish();
    for (const timeoutMs of [0, 10_000]) {
      const stop = new AbortController();
      const { signal } = stop;
      const received = server.store.receive(of.channel, of.group, {
        clientId: 'w',
        limit: 1,
        timeoutMs,
        signal,
      });
      stop.abort();
      expect((await received).events).toEqual([]);
      expect((await state()).workers).toEqual([]);
    }
  });

  it('ends with an empty page when the server stops', async () => {
    const { receive, server } = await startGroup();
    const waiting = receive({ timeout: 10_000 });
    await waitingPolls(server.store, 1);
    const closed = server.app.close();
    expect(await waiting).toEqual({ events: [] });
    await closed;
  });

  it('takes its place among the requests that may wait', async () => {
    const { receive, server, of } = await startGroup({ maxWaitingPolls: 1 });
    const waiting = receive({ timeout: 200 });
    await waitingPolls(server.store, 1);
    const refused = await server.fetch('/groups/receive', json({ ...of, clientId: 'c', limit: 1 }));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await waiting;
  });
});

describe('POST /groups/settle', () => {
  it('does what can be done, and says of each what has become of it', async () => {
    const { publish, receive, settle } = await startGroup();
    for (let n = 0; n < 4; n += 1) await publish();
    const [one, two, three, four] = tokens((await receive()).events);
    const acknowledge = [
      one,
      one,
      { id: 2, token: 'none' },
      { id: 99, token: 'none' },
      { id: 2, token: 'not a token' },
      { id: 0, token: two?.token },
      { id: 2 },
      null,
      7,
    ];
    const invalid = (message: RegExp) => ({
      error: { code: 'InvalidContent', message: expect.stringMatching(message) },
    });
    const token = /^Invalid token: expected the token that came with the event: .*, got /;
    expect(
      await settle({
        acknowledge,
        release: [{ ...two, uncounted: 'yes' }, two],
        reject: [{ ...three }, { ...three, reason: 'no such user' }],
        extend: [
          { ...four, leaseMs: 0 },
          { ...four, leaseMs: 60_000, more: true },
        ],
      }),
    ).toEqual({
      acknowledge: [
        { id: 1, status: 'done' },
        { id: 1, status: 'stale' },
        { id: 2, status: 'stale' },
        { id: 99, status: 'stale' },
        invalid(token),
        invalid(/^Invalid id: expected a positive integer, got 0$/),
        invalid(token),
        invalid(/^Invalid body: expected a JSON object, got null$/),
        invalid(/^Invalid body: expected a JSON object, got 7$/),
      ],
      release: [invalid(/^Invalid uncounted: expected a boolean/), { id: 2, status: 'done' }],
      reject: [invalid(/^Invalid reason: expected .* got nothing$/), { id: 3, status: 'done' }],
      extend: [invalid(/^Invalid leaseMs: expected an integer from 1/), { id: 4, status: 'done' }],
    });
  });

  it.each([
    ['release', { delayMs: -1 }],
    ['release', { delayMs: 604_800_001 }],
    ['release', { reason: 'x'.repeat(1_001) }],
    ['release', { reason: 7 }],
    ['reject', { reason: 'x'.repeat(1_001) }],
    ['extend', { leaseMs: 86_400_001 }],
    ['extend', { leaseMs: '1' }],
    ['acknowledge', { token: 'x'.repeat(101) }],
    ['acknowledge', { token: '' }],
    ['acknowledge', { id: '1' }],
    ['acknowledge', { id: -1 }],
  ])('refuses a bad %s by itself, and changes nothing (%#)', async (kind, wrong) => {
    const { publish, receive, settle } = await startGroup();
    await publish();
    const [event] = tokens((await receive()).events);
    const reply = (await settle({ [kind]: [{ ...event, ...wrong }] })) as Record<string, unknown[]>;
    expect(reply[kind]).toEqual([{ error: { code: 'InvalidContent', message: expect.any(String) } }]);
    expect(await settle({ acknowledge: [event] })).toEqual({ acknowledge: [{ id: 1, status: 'done' }] });
  });

  it('takes at most 10,000 settlements', async () => {
    const { server, of } = await startGroup();
    const lists = { acknowledge: Array(9_999).fill(0), extend: [0, 0] };
    const response = await server.fetch('/groups/settle', json({ ...of, ...lists }));
    expect(await response.json()).toEqual({
      code: 'PayloadTooLarge',
      message: 'Invalid settlements: expected at most 10000 in all, got 10001',
    });
    expect(response.status).toBe(413);
  });
});

describe('a dead letter', () => {
  it('is an event of its own channel, and can be handed out again', async () => {
    const { publish, receive, settle, redrive, server, channel, state } = await startGroup();
    const header = await publish({ n: 1 });
    const [event] = tokens((await receive()).events);
    await settle({ reject: [{ ...event, reason: 'no such user' }] });
    expect(await server.read(`${channel}.dead-letters`, { after: 0 })).toMatchObject([
      {
        from: GROUP,
        type: 'add',
        data: {
          event: { ...header, from: 'test', type: 'add', data: { n: 1 } },
          group: GROUP,
          channel,
          count: 1,
          reason: 'no such user',
          clientId: 'w',
        },
      },
    ]);
    expect(await state()).toMatchObject({ deadLetters: 1, pending: 0 });
    expect(await redrive({ ids: [7] })).toEqual({ ids: [] });
    expect(await redrive({ ids: [1, 7] })).toEqual({ ids: [1] });
    expect(await redrive()).toEqual({ ids: [] });
    expect((await receive()).events).toMatchObject([{ id: 1, data: { n: 1 }, delivery: { count: 1 } }]);
  });
});

describe('DELETE /groups', () => {
  it('deletes a group with what it has handed out', async () => {
    const { publish, receive, server, channel, of } = await startGroup();
    await publish();
    const [event] = tokens((await receive()).events);
    const path = `/groups?${new URLSearchParams(of)}`;
    const response = await server.fetch(path, { method: 'DELETE' });
    expect([response.status, await response.json()]).toEqual([200, 'OK']);
    const settled = await server.fetch('/groups/settle', json({ ...of, acknowledge: [event] }));
    expect(settled.status).toBe(404);
    expect((await server.fetch(path, { method: 'DELETE' })).status).toBe(404);
    expect(ids((await receive()).events)).toEqual([1]);
    expect(ids(await server.read(channel, { after: 0 }))).toEqual([1]);
  });
});

describe('bad input', () => {
  const BODIES = {
    'PUT /groups': {},
    'POST /groups/receive': { clientId: 'c', limit: 1, timeout: 0 },
    'POST /groups/settle': {},
    'POST /groups/redrive': {},
  };
  const BAD: [keyof typeof BODIES, string, unknown[]][] = [
    ...(Object.keys(BODIES) as (keyof typeof BODIES)[]).flatMap((request): typeof BAD => [
      [request, 'channel', NAMES],
      [request, 'group', NAMES],
    ]),
    ['PUT /groups', 'start', ['', 'now', '-1', '1e3', '2026-13-01', 5, null, {}]],
    ['PUT /groups', 'leaseMs', [...NUMBERS, 0, 86_400_001]],
    ['PUT /groups', 'maxDeliveries', [...NUMBERS, 0, 1_001]],
    ['PUT /groups', 'backoffMs', [1, null, {}, [], Array(33).fill(1), [-1], ['1'], [604_800_001]]],
    ['PUT /groups', 'maxPending', [...NUMBERS, 0, 10_001]],
    ['PUT /groups', 'order', NAMES.slice(1)],
    ['PUT /groups', 'deadLetters', [...NAMES.slice(1), 'the channel', 'the channel:dead']],
    ['POST /groups/receive', 'clientId', NAMES],
    ['POST /groups/receive', 'limit', [undefined, ...NUMBERS, 0]],
    ['POST /groups/receive', 'leaseMs', [...NUMBERS, 0, 86_400_001]],
    ['POST /groups/receive', 'timeout', NUMBERS],
    ['POST /groups/receive', 'start', ['', 'now', '2026-13-01', 5, null]],
    ['POST /groups/receive', 'settle', [null, 1, [], 'x', { acknowledge: 1 }, { extend: null }]],
    ['POST /groups/settle', 'acknowledge', [null, 1, {}, 'x']],
    ['POST /groups/settle', 'release', [null, 1, {}, 'x']],
    ['POST /groups/settle', 'reject', [null, 1, {}, 'x']],
    ['POST /groups/settle', 'extend', [null, 1, {}, 'x']],
    ['POST /groups/redrive', 'ids', [null, 1, {}, [], [0], ['1'], Array(1_001).fill(1)]],
    ['POST /groups/redrive', 'limit', [...NUMBERS, 0]],
  ];

  it.each(BAD)('%s refuses a bad %s, and changes nothing', async (name, field, values) => {
    const { server, publish, of, receive } = await startGroup();
    await publish();
    const [method, path] = name.split(' ') as [string, string];
    for (const value of values) {
      const bad = typeof value === 'string' ? value.replace('the channel', of.channel) : value;
      const body = { ...of, ...BODIES[name], [field]: bad };
      const response = await server.fetch(path, { ...json(body), method });
      const reply = (await response.json()) as { code: string; message: string };
      expect([response.status, reply.code], `${JSON.stringify(bad)}: ${reply.message}`).toEqual([
        400,
        'InvalidContent',
      ]);
      expect(reply.message).toMatch(/^Invalid .+: expected .+, got .+/);
    }
    expect(await server.store.groups(of.channel)).toEqual([]);
    expect(ids((await receive()).events)).toEqual([1]);
  });

  it.each([
    ['GET', '', /^Invalid Channel: .* got nothing$/],
    ['GET', `channel=${LONG}`, /^Invalid Channel/],
    ['DELETE', 'channel=a', /^Invalid group: .* got nothing$/],
    ['DELETE', 'group=a', /^Invalid Channel: .* got nothing$/],
    ['DELETE', 'channel=a&group=', /^Invalid group/],
    ['DELETE', 'channel=a&group=a&group=b', /^Invalid group/],
  ])('%s /groups?%s is refused', async (method, query, message) => {
    const { server } = await startGroup();
    const response = await server.fetch(`/groups?${query}`, { method });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      code: 'InvalidContent',
      message: expect.stringMatching(message),
    });
  });

  it('there are no groups of a channel that has none', async () => {
    const { server, of } = await startGroup();
    expect(await (await server.fetch('/groups?channel=unknown')).json()).toEqual([]);
    for (const path of ['settle', 'redrive']) {
      const response = await server.fetch(`/groups/${path}`, json(of));
      expect([response.status, await response.json()]).toEqual([
        404,
        {
          code: 'ResourceNotFound',
          message: `Group "mailers" does not exist on channel ${JSON.stringify(of.channel)}`,
        },
      ]);
    }
  });
});
