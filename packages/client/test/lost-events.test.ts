import { describe, expect, test } from 'vitest';
import type { RequestError } from '../src/index.js';
import { LossDetector } from '../src/lost-events.js';
import { eventOf, events, eventsAt, eventsOf, type HostileServer, held } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

const afters = (server: HostileServer) => server.requests.map(({ query }) => query.get('after'));
const withoutCycles = (record: string[]) => record.filter((line) => !line.startsWith('cycle'));

describe('events that are no longer kept', () => {
  test('are reported once, with numbers, before what is left', async () => {
    const server = (await startServer()).script(
      eventsAt(1, 5, 5),
      eventsAt(90, 91, 90),
      eventsAt(90, 91, 91),
    );
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    const [error] = (await emitted(client, 'error')) as [RequestError];
    await server.request(4);
    expect(withoutCycles(record)).toEqual(['5 a', 'error EventsMissed a', '90 a', '91 a']);
    expect(error).toMatchObject({
      code: 'EventsMissed',
      message: 'Events were missed: 6 to 89 are no longer kept, and this client had read up to 5',
      position: { after: 5, firstId: 90, lastId: 91 },
    });
  });

  test('are none where the next event is the oldest one kept', async () => {
    const server = (await startServer()).script(eventsAt(1, 5, 5), eventsAt(6, 6, 6));
    const record = recordOf(clientOf(server), 'a');
    await server.request(3);
    expect(withoutCycles(record)).toEqual(['5 a', '6 a']);
  });

  test('are not to be known at the first request, which leaves the place to the server', async () => {
    const server = (await startServer()).script(eventsAt(90, 90, 90));
    const record = recordOf(clientOf(server), 'a');
    await server.request(2);
    expect(withoutCycles(record)).toEqual(['90 a']);
  });

  const page = (firstId: number, lastId: number, ...ids: number[]) => ({
    events: ids.map(eventOf),
    bounds: { firstId, lastId },
  });
  const code = (error: RequestError | undefined) => error?.code;

  test('in the gaps of a channel of one type are not missed', () => {
    const detector = new LossDetector();
    expect(detector.lossOf(5, page(1, 800))).toBeUndefined();
    // Nothing of this type up to 800, and then everything up to 700 is dropped.
    expect(detector.lossOf(5, page(701, 900))).toBeUndefined();
    expect(code(detector.lossOf(5, page(950, 1000)))).toBe('EventsMissed');
    expect(detector.lossOf(5, page(950, 1001))).toBeUndefined();
  });

  test('are reported once, also where their reply was not received after that', () => {
    const detector = new LossDetector();
    expect(code(detector.lossOf(5, page(90, 91, 90)))).toBe('EventsMissed');
    expect(detector.lossOf(5, page(90, 91, 90))).toBeUndefined();
    expect(code(detector.lossOf(5, page(95, 96, 95)))).toBe('EventsMissed');
  });

  test('shown by a reply that nobody listens to any more are reported with the next one', async () => {
    const { reply, release } = held(eventsAt(90, 91, 90));
    const server = (await startServer()).script(eventsAt(1, 5, 5), reply, eventsAt(90, 91, 90, 91));
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    await server.request(2);
    client.removeAllListeners('a');
    release();
    await emitted(client, 'drain');
    expect(withoutCycles(record)).toEqual(['5 a', 'drain']);
    client.on('a', ({ id }) => record.push(`${id} again`));
    await server.request(4);
    expect(withoutCycles(record).slice(2)).toEqual(['error EventsMissed a', '90 again', '91 again']);
  });

  test('while a reply was on its way are in it', () => {
    expect(new LossDetector().lossOf(5, page(8, 9, 6, 7, 8, 9))).toBeUndefined();
  });

  test('are none in a channel without events', () => {
    expect(new LossDetector().lossOf(0, page(0, 0))).toBeUndefined();
    expect(new LossDetector().lossOf(5, page(0, 9))).toBeUndefined();
  });
});

describe('a store that has lost events', () => {
  test('is reported once; then what it has goes on, from the lower id', async () => {
    const server = (await startServer()).script(eventsAt(1, 100, 100), eventsAt(1, 4, 4), eventsAt(1, 5, 5));
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    const [error] = (await emitted(client, 'error')) as [RequestError];
    await server.request(4);
    expect(withoutCycles(record)).toEqual(['100 a', 'error StoreRewound a', '4 a', '5 a']);
    expect(afters(server)).toEqual([null, '100', '4', '5']);
    expect(error).toMatchObject({
      code: 'StoreRewound',
      message: expect.stringMatching(/had read up to 100, of which the store has no more than up to 3\./),
      position: { after: 100, firstId: 1, lastId: 4, rewoundTo: 3 },
    });
  });

  test('and has nothing new yet', async () => {
    const server = (await startServer()).script(eventsAt(1, 100, 100), eventsAt(0, 0), eventsAt(1, 1, 1));
    const record = recordOf(clientOf(server), 'a');
    await server.request(4);
    expect(record).toEqual([
      '100 a',
      'cycle saved-100 a',
      'error StoreRewound a',
      'cycle 100-0 a',
      '1 a',
      'cycle 0-1 a',
    ]);
    expect(afters(server)).toEqual([null, '100', '0', '1']);
  });

  test('the rest of its reply comes again where the handler goes away in between', async () => {
    const server = (await startServer()).script(
      eventsAt(1, 100, 100),
      eventsAt(1, 5, 4, 5),
      eventsAt(1, 5, 5),
    );
    const client = clientOf(server);
    client.on('error', () => client.removeAllListeners('a'));
    client.on('a', () => {});
    await emitted(client, 'drain');
    client.on('a', () => {});
    await server.request(3);
    expect(afters(server)).toEqual([null, '100', '3']);
  });

  test('without the headers stays an invalid reply', async () => {
    const server = (await startServer()).script(events(100), events(4), events(101));
    const record = recordOf(clientOf(server), 'a');
    await server.request(4);
    expect(withoutCycles(record)).toEqual(['100 a', 'error InvalidReply a', '101 a']);
  });

  test('whose reply contradicts itself stays one too', async () => {
    const server = (await startServer()).script(
      eventsAt(1, 100, 100),
      eventsAt(1, 4, 4, 3),
      eventsAt(1, 101, 101),
    );
    const record = recordOf(clientOf(server), 'a');
    await server.request(4);
    expect(withoutCycles(record)).toEqual(['100 a', 'error InvalidReply a', '101 a']);
  });
});

describe('streams', () => {
  const script = [eventsAt(1, 5, 5), eventsAt(90, 90, 90), eventsAt(1, 4, 4), eventsAt(1, 5, 5)];

  test('report both where somebody handles errors, and go on', async () => {
    const server = (await startServer()).script(...script);
    const client = clientOf(server);
    const record = recordOf(client);
    const ids: (number | undefined)[] = [];
    const stream = client.stream('a');
    for (let i = 0; i < 4; i += 1) ids.push((await stream.next()).value?.id);
    expect(ids).toEqual([5, 90, 4, 5]);
    expect(record).toEqual(['error EventsMissed a', 'error StoreRewound a']);
    expect(afters(server)).toEqual([null, '5', '90', '4']);
  });

  test('throw where nobody does; the next one goes on', async () => {
    const server = (await startServer()).script(
      eventsAt(1, 5, 5),
      ...Array.from({ length: 3 }, () => eventsAt(90, 91, 90, 91)),
    );
    const client = clientOf(server);
    const ids: number[] = [];
    const loop = async () => {
      for await (const { id } of client.stream('a')) ids.push(id);
    };
    await expect(loop()).rejects.toMatchObject({ code: 'EventsMissed' });
    expect(ids).toEqual([5]);
    for await (const { id } of client.stream('a')) {
      ids.push(id);
      if (id === 91) break;
    }
    expect(ids).toEqual([5, 90, 91]);
    expect(afters(server).slice(0, 2)).toEqual([null, '5']);
    expect(afters(server)).toContain('89');
  });
});

test.each(['x', '-1', '1.5', ''])('a header %j is no bound', async (value) => {
  const server = (await startServer()).script(events(9), ({ response }) => {
    response.writeHead(200, { 'Events-First-Id': value, 'Events-Last-Id': '1' });
    response.end(JSON.stringify([eventOf(4)]));
  });
  const [error] = (await emitted(
    clientOf(server).on('a', () => {}),
    'error',
  )) as [RequestError];
  expect(error.code).toBe('InvalidReply');
});

describe('a store with epochs that came back older', () => {
  const queries = (server: HostileServer) =>
    server.requests.map(({ query }) => `${query.get('after')} ${query.get('epoch')}`);

  test('is told the epoch of what was read, and is followed back to what it still has', async () => {
    const server = (await startServer()).script(
      eventsOf({ epoch: 'A', lastId: 5 }, 4, 5),
      eventsOf({ epoch: 'B', rewound: '5; 3', lastId: 7 }, 4, 5),
      eventsOf({ epoch: 'B', lastId: 7 }, 6, 7),
      eventsOf({ epoch: 'B', lastId: 7 }),
    );
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    const [error] = (await emitted(client, 'error')) as [RequestError];
    await server.request(4);
    expect(withoutCycles(record)).toEqual(['4 a', '5 a', 'error StoreRewound a', '4 a', '5 a', '6 a', '7 a']);
    expect(queries(server)).toEqual(['null null', '5 A', '5 B', '7 B']);
    expect(error).toMatchObject({
      code: 'StoreRewound',
      position: { after: 5, firstId: 1, lastId: 7, rewoundTo: 3 },
    });
  });

  test('and has nothing there yet', async () => {
    const server = (await startServer()).script(
      eventsOf({ epoch: 'A', lastId: 5 }, 5),
      eventsOf({ epoch: 'A', rewound: '5; 3', lastId: 3 }),
      eventsOf({ epoch: 'B', lastId: 4 }, 4),
    );
    const record = recordOf(clientOf(server), 'a');
    await server.request(4);
    expect(withoutCycles(record)).toEqual(['5 a', 'error StoreRewound a', '4 a']);
    expect(queries(server)).toEqual(['null null', '5 A', '3 A', '4 B']);
  });

  test('is reported by the first answer, if it has taken back the saved cursor', async () => {
    const server = (await startServer()).script(
      eventsOf({ epoch: 'B', rewound: '9; 3', lastId: 4 }, 4),
      eventsOf({ epoch: 'B', lastId: 4 }),
    );
    const client = clientOf(server);
    const record = recordOf(client, 'a');
    const [error] = (await emitted(client, 'error')) as [RequestError];
    await server.request(2);
    expect(withoutCycles(record)).toEqual(['error StoreRewound a', '4 a']);
    expect(error.position).toEqual({ after: 9, firstId: 1, lastId: 4, rewoundTo: 3 });
  });

  test('is followed by a stream, too', async () => {
    const server = (await startServer()).script(
      eventsOf({ epoch: 'A', lastId: 5 }, 5),
      eventsOf({ epoch: 'B', rewound: '5; 3', lastId: 5 }, 4, 5),
      eventsOf({ epoch: 'B', lastId: 5 }),
    );
    const client = clientOf(server);
    const codes: string[] = [];
    client.on('error', ({ code }) => codes.push(code));
    const stream = client.stream('a');
    const seen: (number | undefined)[] = [];
    while (seen.length < 3) seen.push((await stream.next()).value?.id);
    void stream.next();
    await server.request(3);
    expect([seen, codes]).toEqual([[5, 4, 5], ['StoreRewound']]);
    expect(queries(server)).toEqual(['null null', '5 A', '5 B']);
    await client.close();
  });
});
