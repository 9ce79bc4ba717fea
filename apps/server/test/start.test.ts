import type { Event } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import { json, randomChannel, startServer, type TestServer, waitingPolls } from './support/server.js';

/** The ids that a poll without `after` brings. */
async function readIds(server: TestServer, channel: string, query: Record<string, string | number>) {
  const events = await server.read(channel, { timeout: 0, ...query });
  return events.map(({ id }) => id);
}

async function publishMany(server: TestServer, channel: string, count: number): Promise<number[]> {
  const timestamps: number[] = [];
  while (timestamps.length < count) {
    const { timestamp } = await server.publish(channel);
    timestamps.push(timestamp);
    while (Date.now() <= timestamp) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return timestamps;
}

describe('start', () => {
  it('is where a poll of a consumer without a cursor begins, and stays', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const timestamps = await publishMany(server, channel, 4);
    const iso = new Date(timestamps[1] as number).toISOString();
    expect(await readIds(server, channel, { clientId: 'first', start: 'first' })).toEqual([1, 2, 3, 4]);
    expect(await readIds(server, channel, { clientId: 'new', start: 'new' })).toEqual([]);
    expect(await readIds(server, channel, { clientId: 'ms', start: timestamps[2] as number })).toEqual([
      3, 4,
    ]);
    expect(await readIds(server, channel, { clientId: 'iso', start: iso })).toEqual([2, 3, 4]);
    expect(await readIds(server, channel, { clientId: 'future', start: '2999-12-31' })).toEqual([]);
    await server.publish(channel);
    // Saved at once; it is the saved cursor that counts from then on.
    expect(await readIds(server, channel, { clientId: 'new', start: 'new' })).toEqual([5]);
    expect(await readIds(server, channel, { clientId: 'new' })).toEqual([5]);
    expect(await readIds(server, channel, { clientId: 'ms', start: 'first' })).toEqual([3, 4, 5]);
    expect(await readIds(server, channel, { clientId: 'future', start: 'first' })).toEqual([5]);
  });

  it('misses nothing of a poll that waits', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    const waiting = server.read(channel, { clientId: 'new', start: 'new' });
    await waitingPolls(server.store, 1);
    await server.publish(channel);
    expect(await waiting).toMatchObject([{ id: 2 }]);
    expect(await readIds(server, channel, { clientId: 'new', start: 'new' })).toEqual([2]);
  });

  it('of one type is where the channel is', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    expect(await readIds(server, `${channel}:add`, { clientId: 'new', start: 'new' })).toEqual([]);
    await server.publish(channel);
    expect(await readIds(server, `${channel}:add`, { clientId: 'new' })).toEqual([2]);
  });

  it('is where an event stream begins, in each of its channels', async () => {
    const server = await startServer();
    const [a, b] = [randomChannel(), randomChannel()];
    await server.publish(a);
    const messages = async (query: string, headers: Record<string, string> = {}) => {
      const response = await server.fetch(`/events?clientId=s&${query}`, {
        headers: { Accept: 'text/event-stream', ...headers },
      });
      expect(response.status).toBe(200);
      return response.body as unknown as AsyncIterable<Uint8Array>;
    };
    const stream = await messages(`channel=${a}&channel=${b}&start=new`);
    await waitingPolls(server.store, 2);
    await server.publish(a);
    await server.publish(b);
    let text = '';
    for await (const chunk of stream) {
      text += Buffer.from(chunk).toString();
      if (text.split('data: ').length === 3) break;
    }
    expect([...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data).id).sort()).toEqual([
      1, 2,
    ]);
    // It is resumed with its first URL.
    const resumed = await messages(`channel=${a}&start=new`, { 'Last-Event-ID': '0' });
    for await (const chunk of resumed) {
      const [, data] = /^data: (.*)$/m.exec(Buffer.from(chunk).toString()) ?? [];
      if (data === undefined) continue;
      expect((JSON.parse(data) as Event).id).toBe(1);
      break;
    }
  });

  it('is of each cursor of a stream by itself', async () => {
    const server = await startServer();
    const [a, b, c] = [randomChannel(), randomChannel(), randomChannel()];
    const [, second] = await publishMany(server, a, 2);
    await server.publish(b);
    const cursors = [
      { channel: a, start: String(second) },
      { channel: b, start: 'new' },
      { channel: c, start: 'soon' },
      { channel: c, start: 'new', after: 1 },
      { channel: c, start: 1 },
    ];
    const controller = new AbortController();
    const response = await server.fetch('/streams', {
      ...json({ clientId: 's', cursors }),
      signal: controller.signal,
    });
    let text = '';
    const lines = () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line));
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      const pages = lines().filter(({ events }) => events);
      // The second one waits by now.
      if (pages.length === 1 && server.store.waiting === 2) await server.publish(b);
      if (pages.length === 2) break;
    }
    controller.abort();
    const told = lines().filter(({ heartbeatMs }) => heartbeatMs === undefined);
    const refusals = told.flatMap(({ cursor, error }) => (error ? [[cursor, error.message]] : []));
    expect(refusals).toEqual([
      [2, expect.stringMatching(/^Invalid start: expected first, new, milliseconds .*, got "soon"$/)],
      [3, expect.stringMatching(/^Invalid start: expected none beside after/)],
      [4, expect.stringMatching(/^Invalid start: expected /)],
    ]);
    const pages = told.flatMap(({ channel, events }) => (events ? [[channel, events[0].id]] : []));
    expect(pages).toEqual([
      [a, 2],
      [b, 2],
    ]);
    expect(await server.store.loadCursor('s', b)).toMatchObject({ after: 1 });
  });

  it.each([
    'start=soon',
    'start=',
    'start=-1',
    'start=1e3',
    'start=1429084002',
    'start=2026-13-01',
    'start=2026-01-01T00:00:00',
    'start=2026-01-01T00:00:00+01:00',
    'start=99999999999999999',
    'start=new&start=first',
    'start=new&after=1',
    'start=first&after=0',
  ])('is refused, and nothing is saved: %s', async (query) => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    for (const accept of ['application/json', 'text/event-stream']) {
      const response = await server.fetch(`/events?clientId=c&channel=${channel}&timeout=0&${query}`, {
        headers: { Accept: accept },
      });
      expect(response.status).toBe(400);
      const { code, message } = (await response.json()) as { code: string; message: string };
      expect([code, message.slice(0, 14)]).toEqual(['InvalidContent', 'Invalid start:']);
    }
    expect(await server.store.loadCursor('c', channel, 'new')).toMatchObject({ after: 1 });
  });
});

describe('GET /cursors', () => {
  it('tells the cursor that a time stands for, and saves none', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const timestamps = await publishMany(server, channel, 3);
    const find = async (name: string, time: string | number | undefined) =>
      (await server.fetch(`/cursors?channel=${name}&time=${encodeURIComponent(String(time))}`)).json();
    const { epoch } = await server.store.read({ channel, after: 0, limit: 1 });
    const bounds = { firstId: 1, lastId: 3 };
    expect(await find(channel, 0)).toEqual({ after: 0, ...bounds });
    expect(await find(channel, timestamps[1])).toEqual({ after: 1, ...bounds, epoch });
    const iso = new Date(timestamps[2] as number).toISOString();
    expect(await find(channel, iso)).toEqual({ after: 2, ...bounds, epoch });
    expect(await find(channel, iso.replace('Z', '+00:00'))).toEqual({ after: 2, ...bounds, epoch });
    expect(await find(`${channel}:add`, timestamps[2])).toMatchObject({ after: 2 });
    expect(await find(channel, '2999-01-01')).toEqual({ after: 3, ...bounds, epoch });
    expect(await find(randomChannel(), timestamps[0])).toEqual({ after: 0, firstId: 0, lastId: 0 });
  });

  it.each(['', '&time=', '&time=new', '&time=x', '&time=2026-02-30', '&time=1&time=2'])(
    'is refused without a time: %j',
    async (query) => {
      const server = await startServer();
      const response = await server.fetch(`/cursors?channel=a${query}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: 'InvalidContent',
        message: expect.stringMatching(/^Invalid time: expected milliseconds since the Unix epoch, or /),
      });
    },
  );
});
