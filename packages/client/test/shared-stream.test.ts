import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { RequestError } from '../src/index.js';
import { eventOf, events, type HostileServer, json, type Received, text } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

/** Begins a stream; its lines are written by the test. */
const stream = ({ response }: Received) => {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  write(response, { heartbeatMs: 5_000 });
};

const write = (response: http.ServerResponse, ...lines: object[]) =>
  response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

const page = (channel: string, after: number, ...ids: number[]) => ({
  channel,
  after,
  firstId: 1,
  lastId: ids.at(-1) ?? after,
  epoch: 'e1',
  events: ids.map(eventOf),
});

const saved = (request: Received) => {
  const { cursors } = JSON.parse(request.body) as { cursors: { after: number }[] };
  json({ results: cursors.map(({ after }) => ({ after })) })(request);
};

/** Answers streams by the test's replies, in turn, acknowledgements at once, and long-polls with nothing, late. */
async function startStreams(...replies: ((request: Received) => unknown)[]): Promise<HostileServer> {
  const server = await startServer();
  server.knowsStreams = true;
  server.answer = (request) => {
    if (request.pathname.endsWith('/cursors')) return saved(request);
    if (request.pathname.endsWith('/streams')) return (replies.shift() ?? stream)(request);
    return undefined;
  };
  return server;
}

const of = (server: HostileServer, path: string) =>
  server.requests.filter(({ pathname }) => pathname.endsWith(path));
const streams = (server: HostileServer) => of(server, '/streams');
const cursorsOf = ({ body }: Received) =>
  (JSON.parse(body) as { cursors: object[] }).cursors as {
    channel: string;
    after?: number;
    epoch?: string;
    limit?: number;
  }[];
const nth = async (server: HostileServer, path: string, n: number): Promise<Received> => {
  await server.until(() => of(server, path).length >= n);
  return of(server, path)[n - 1] as Received;
};

test('all channels share one connection, and acknowledgements share requests', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  const record = recordOf(client, 'a', 'b', 'c');
  const { response, body } = await nth(server, '/streams', 1);
  expect(JSON.parse(body)).toEqual({
    clientId: 'tester',
    cursors: ['a', 'b', 'c'].map((channel) => ({ channel, limit: 100 })),
  });
  write(response, page('a', 0, 1, 2), page('b', 0, 1));
  const first = await nth(server, '/cursors', 1);
  expect(cursorsOf(first)).toEqual([
    { channel: 'a', after: 2, epoch: 'e1' },
    { channel: 'b', after: 1, epoch: 'e1' },
  ]);
  write(response, page('a', 2, 3));
  write(response, page('a', 3, 4));
  expect(cursorsOf(await nth(server, '/cursors', 2))).toEqual([{ channel: 'a', after: 4, epoch: 'e1' }]);
  expect(record.filter((line) => !line.startsWith('cycle'))).toEqual(['1 a', '2 a', '1 b', '3 a', '4 a']);
  expect(record).toContain('cycle saved-2 a');
  expect(streams(server)).toHaveLength(1);
});

test('a channel that is added begins on a second connection; few that are many join the first', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  for (let n = 0; n < 9; n += 1) client.on(`c${n}`, () => {});
  const { response } = await nth(server, '/streams', 1);
  write(response, page('c0', 0, 1));
  await nth(server, '/cursors', 1);
  for (let n = 0; n < 4; n += 1) {
    client.on(`more${n}`, () => {});
    await nth(server, '/streams', n + 2);
  }
  const sizes = streams(server).map((request) => cursorsOf(request).length);
  expect(sizes).toEqual([9, 1, 2, 3, 13]);
  expect(cursorsOf(streams(server).at(-1) as Received)).toContainEqual({
    channel: 'c0',
    after: 1,
    epoch: 'e1',
    limit: 100,
  });
  await server.until(() => streams(server).filter(({ socket }) => !socket.destroyed).length === 1);
});

test('a channel that nobody listens to any more is read no more once it brings something', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  const record = recordOf(client, 'a', 'b');
  const { response } = await nth(server, '/streams', 1);
  client.removeAllListeners('b');
  write(response, page('b', 0, 1), page('a', 0, 1));
  const next = await nth(server, '/streams', 2);
  expect(cursorsOf(next)).toEqual([{ channel: 'a', limit: 100 }]);
  write(next.response, page('a', 0, 1, 2));
  await emitted(client, 'cycle');
  expect(record.filter((line) => !line.startsWith('cycle'))).toEqual(['1 a', '2 a']);
  client.on('b', ({ id }) => record.push(`${id} b, again`));
  write((await nth(server, '/streams', 3)).response, page('b', 0, 1));
  await emitted(client, 'b');
});

test('handlers that come and go read on with the same connection', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  const first = emitted(client, 'a');
  const { response } = await nth(server, '/streams', 1);
  write(response, page('a', 0, 1));
  await first;
  for (let id = 2; id < 10; id += 1) {
    const next = emitted(client, 'a');
    write(response, page('a', id - 1, id));
    expect(((await next)[0] as { id: number }).id).toBe(id);
  }
  expect(streams(server)).toHaveLength(1);
});

test('a loop that begins in the midst of what waits for a handler gets all that the handler did not', async () => {
  const server = await startStreams();
  const client = clientOf(server, { limit: 2 });
  const got: number[] = [];
  const read = new Promise<void>((resolve) => {
    client.on('a', ({ id }) => {
      got.push(id);
      if (id !== 2) return;
      // While its next read has its turn still before it.
      setImmediate(async () => {
        client.removeAllListeners('a');
        for await (const event of client.stream('a', { limit: 2 })) {
          got.push(event.id);
          if (event.id === 8) break;
        }
        resolve();
      });
    });
  });
  const { response } = await nth(server, '/streams', 1);
  const all = [1, 2, 3, 4, 5, 6, 7, 8];
  server.scriptOf('a', events(3, 4), events(5, 6), events(7, 8));
  write(response, ...all.map((id) => page('a', id - 1, id)));
  await read;
  expect(got).toEqual(all);
});

test('a handler for one event at a time gets each, from one connection', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  const first = emitted(client, 'a');
  const { response } = await nth(server, '/streams', 1);
  write(response, page('a', 0, 1, 2, 3), page('a', 3, 4));
  expect(((await first)[0] as { id: number }).id).toBe(1);
  for (const id of [2, 3, 4]) expect(((await emitted(client, 'a'))[0] as { id: number }).id).toBe(id);
  expect(streams(server)).toHaveLength(1);
});

test('what is no longer kept between two pages that wait is reported', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  const record = recordOf(client, 'a');
  const { response } = await nth(server, '/streams', 1);
  write(response, page('a', 0, 1), page('a', 1, 2), { ...page('a', 2, 20, 21), firstId: 20 });
  await server.until(() => of(server, '/cursors').some((request) => cursorsOf(request)[0]?.after === 21));
  expect(record.filter((line) => !line.startsWith('cycle'))).toEqual([
    ...['1 a', '2 a', 'error EventsMissed a', '20 a', '21 a'],
  ]);
});

test('a server that takes smaller requests gets several', async () => {
  const refused = json({ code: 'PayloadTooLarge', message: 'too large' }, 413);
  const server = await startStreams(refused, refused);
  const { answer } = server;
  server.answer = (request) => {
    const isLarge = request.pathname.endsWith('/cursors') && cursorsOf(request).length > 2;
    return isLarge ? refused(request) : answer?.(request);
  };
  const client = clientOf(server);
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) client.on(name, () => {});
  await server.until(() => streams(server).length === 5);
  const accepted = streams(server).slice(2);
  expect(accepted.map((request) => cursorsOf(request).length)).toEqual([2, 2, 1]);
  for (const { response, body } of accepted) {
    const { cursors } = JSON.parse(body) as { cursors: { channel: string }[] };
    write(response, ...cursors.map(({ channel }) => page(channel, 0, 1)));
  }
  const told = () =>
    of(server, '/cursors')
      .map(cursorsOf)
      .filter(({ length }) => length <= 2)
      .flat();
  await server.until(() => new Set(told().map(({ channel }) => channel)).size === 5);
});

test('drain comes once the last handler is gone, and the connection ends', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  client.on('a', () => {});
  await nth(server, '/streams', 1);
  client.removeAllListeners('a');
  await emitted(client, 'drain');
  await server.until(() => server.openSockets === 0);
});

test('a loop that is slow reads by itself, and does not hold up the others', async () => {
  const rest = (request: Received) => {
    stream(request);
    const [{ channel, after = 0 } = { channel: '' }, ...others] = cursorsOf(request);
    expect([channel, ...others]).toEqual(['fast']);
    for (let id = after + 1; id < 8; id += 1) write(request.response, page('fast', id - 1, id));
  };
  const server = await startStreams(stream, rest);
  const client = clientOf(server, { limit: 2 });
  const got: number[] = [];
  client.on('fast', ({ id }) => got.push(id));
  const slow = client.stream('slow', { limit: 2 });
  const first = slow.next();
  const { response } = await nth(server, '/streams', 1);
  for (let id = 1; id < 8; id += 1) write(response, page('slow', id - 1, id), page('fast', id - 1, id));
  expect((await first).value?.id).toBe(1);
  await expect.poll(() => got, { interval: 5 }).toEqual([1, 2, 3, 4, 5, 6, 7]);
  // What is held for it is bounded: the rest is asked for again when it comes back.
  server.scriptOf('slow', events(2, 3));
  expect((await slow.next()).value?.id).toBe(2);
  expect(of(server, '/events').map(({ query }) => query.get('after'))).toEqual(['1']);
  expect((await slow.next()).value?.id).toBe(3);
});

describe('a connection that ends', () => {
  test('as it should begins again behind what has come, without a word', async () => {
    const server = await startStreams();
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    const { response } = await nth(server, '/streams', 1);
    write(response, page('a', 0, 1, 2));
    await emitted(client, 'cycle');
    response.end();
    const next = await nth(server, '/streams', 2);
    expect(cursorsOf(next)).toEqual([{ channel: 'a', after: 2, epoch: 'e1', limit: 100 }]);
    write(next.response, page('a', 2, 3));
    await emitted(client, 'cycle');
    expect(record).toEqual(['1 a', '2 a', 'cycle saved-2 a', '3 a', 'cycle 2-3 a']);
  });

  test('in the middle of a line begins again; if that fails too it is an error of every channel; nothing is lost or repeated', async () => {
    const server = await startStreams(stream, text('', 503));
    const client = clientOf(server);
    const record = recordOf(client, 'a', 'b');
    const { response, socket } = await nth(server, '/streams', 1);
    write(response, page('a', 0, 1));
    response.write(JSON.stringify(page('a', 1, 2)).slice(0, 60), () => socket.destroySoon());
    const next = await nth(server, '/streams', 3);
    expect(cursorsOf(next)).toEqual([
      { channel: 'a', after: 1, epoch: 'e1', limit: 100 },
      { channel: 'b', limit: 100 },
    ]);
    write(next.response, page('a', 1, 2));
    await server.until(() => record.includes('2 a'));
    expect(record.filter((line) => !line.startsWith('cycle')).sort()).toEqual([
      '1 a',
      '2 a',
      'error UnexpectedStatus a',
      'error UnexpectedStatus b',
    ]);
  });

  test('with an error of one channel leaves the others alone', async () => {
    const server = await startStreams();
    const client = clientOf(server);
    const record = recordOf(client, 'a', 'b');
    const { response } = await nth(server, '/streams', 1);
    write(response, { cursor: 0, error: { code: 'ServiceUnavailable', message: 'away' } });
    write(response, page('b', 0, 1));
    const next = await nth(server, '/streams', 2);
    write(next.response, page('a', 0, 1));
    await server.until(() => record.includes('1 a') && record.includes('1 b'));
    expect(record).toContain('error ServiceUnavailable a');
    expect(record).not.toContain('error ServiceUnavailable b');
  });

  test.each([
    ['a line that is no JSON', '{"channel"\n'],
    ['a line of something else', '{"channel":"a","events":[]}\n'],
    ['ids that go backward', `${JSON.stringify(page('a', 0, 2, 1))}\n`],
  ])('with %s is an error if it does so again, and begins again', async (_what, line) => {
    const bad = (request: Received) => {
      stream(request);
      request.response.write(line);
    };
    const server = await startStreams(bad, bad);
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    write((await nth(server, '/streams', 3)).response, page('a', 0, 1));
    await server.until(() => record.includes('1 a'));
    expect(record[0]).toBe('error InvalidReply a');
  });
});

describe('a stream that does not come through', () => {
  const poll = (server: HostileServer) => server.scriptOf('a', events(1), events(2));

  test.each([
    ['is unknown', text('', 404)],
    ['has no such method', text('', 405)],
    ['is not allowed by what is in between', text('no', 403)],
    ['is elsewhere', text('', 302, { Location: '/' })],
    ['is something else', text('<html>', 200, { 'Content-Type': 'text/html' })],
  ])('since it %s: channels are polled', async (_what, reply) => {
    const server = poll(await startStreams(reply));
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    await server.until(() => of(server, '/events').length === 3);
    expect(record.filter((line) => !line.startsWith('cycle'))).toEqual(['1 a', '2 a']);
    expect(streams(server)).toHaveLength(1);
    expect(of(server, '/cursors')).toEqual([]);
  });

  test('since something holds it back: channels are polled within seconds', async () => {
    const server = poll(await startStreams(({ response }) => void response));
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    await server.until(() => of(server, '/events').length === 3);
    expect(record.filter((line) => !line.startsWith('cycle'))).toEqual(['1 a', '2 a']);
  });

  test('since it falls silent: channels are polled', async () => {
    const quick = ({ response }: Received) => {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
      write(response, { heartbeatMs: 20 }, page('a', 0, 1));
    };
    const server = await startStreams(quick);
    server.scriptOf('a', events(2));
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    await server.until(() => of(server, '/events').length === 2);
    expect(record.filter((line) => !line.startsWith('cycle'))).toEqual(['1 a', '2 a']);
    expect(streams(server)).toHaveLength(1);
  });

  test('of an agent with few connections: channels are polled, since nothing else could be sent', async () => {
    const server = poll(await startStreams());
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    const client = clientOf(server, { agent });
    const record = recordOf(client, 'a');
    await server.until(() => of(server, '/events').length === 3);
    expect(record).toContain('2 a');
    expect(streams(server)).toEqual([]);
    await client.close();
    agent.destroy();
  });
});

describe('acknowledgements', () => {
  test('that fail twice are reported, and made again', async () => {
    const server = await startStreams();
    let refusals = 2;
    const { answer } = server;
    server.answer = (request) => {
      if (!request.pathname.endsWith('/cursors') || refusals-- <= 0) return answer?.(request);
      return json({ code: 'ServiceUnavailable', message: 'away' }, 503)(request);
    };
    const client = clientOf(server);
    const errors: string[] = [];
    client.on('error', ({ code }: RequestError, channel) => errors.push(`${code} ${channel}`));
    client.on('a', () => {});
    const { response } = await nth(server, '/streams', 1);
    write(response, page('a', 0, 1));
    expect(cursorsOf(await nth(server, '/cursors', 3))).toMatchObject([{ channel: 'a', after: 1 }]);
    write(response, page('a', 1, 2));
    await server.until(() => errors.length > 0);
    expect(errors).toEqual(['ServiceUnavailable a']);
  });

  test('go one by one to a server that does not know them', async () => {
    const server = await startStreams();
    const { answer } = server;
    server.answer = (request) => {
      if (request.pathname.endsWith('/cursors')) return text('', 404)(request);
      if (request.pathname.endsWith('/events')) return json([])(request);
      return answer?.(request);
    };
    const client = clientOf(server);
    client.on('a', () => {}).on('b', () => {});
    const { response } = await nth(server, '/streams', 1);
    write(response, page('a', 0, 1), page('b', 0, 7));
    await server.until(() => of(server, '/events').length === 2);
    expect(
      of(server, '/events').map(({ query }) => [
        query.get('channel'),
        query.get('after'),
        query.get('epoch'),
      ]),
    ).toEqual([
      ['a', '1', 'e1'],
      ['b', '7', 'e1'],
    ]);
  });

  test('of everything are made before close() resolves, together', async () => {
    const server = await startStreams();
    const client = clientOf(server, { closeTimeoutMs: 2000 });
    client.on('a', () => {}).on('b', () => {});
    const { response } = await nth(server, '/streams', 1);
    write(response, page('a', 0, 1));
    await nth(server, '/cursors', 1);
    write(response, page('a', 1, 2), page('b', 0, 1));
    await emitted(client, 'cycle', 2);
    await client.close();
    const told = of(server, '/cursors').flatMap(cursorsOf);
    expect(told.map(({ channel, after }) => `${channel} ${after}`)).toEqual(['a 1', 'a 2', 'b 1']);
    expect(of(server, '/cursors')).toHaveLength(2);
  });
});

test('a rewind is told, and reading goes on where the store is', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  const record = recordOf(client, 'a');
  const { response } = await nth(server, '/streams', 1);
  write(response, page('a', 0, 1, 2, 3));
  write(response, { ...page('a', 1, 2, 3), epoch: 'e2', rewound: { from: 3, to: 1 } });
  await server.until(() => record.filter((line) => line === '3 a').length === 2);
  expect(record.filter((line) => !line.startsWith('cycle'))).toEqual([
    ...['1 a', '2 a', '3 a'],
    ...['error StoreRewound a', '2 a', '3 a'],
  ]);
  // The same id, of another epoch: else the next process would be told once more.
  await server.until(() => of(server, '/cursors').some((request) => cursorsOf(request)[0]?.epoch === 'e2'));
  response.end();
  expect(cursorsOf(await nth(server, '/streams', 2))).toMatchObject([{ after: 3, epoch: 'e2' }]);
});

test('requests of one turn begin one connection, however they come', async () => {
  const server = await startStreams();
  const client = clientOf(server);
  for (let n = 0; n < 500; n += 1) client.on(`c${n}`, () => {});
  await nth(server, '/streams', 1);
  await sleep(100);
  expect(server.requests).toHaveLength(1);
  expect(server.openSockets).toBe(1);
});
