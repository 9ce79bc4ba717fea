import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { ReadQuery } from '@ganomede/events-protocol/schemas';
import { openMemoryStore } from '@ganomede/events-store/memory';
import Fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Reader, STREAM_LIMITS, type StreamLimits, Untaken } from '../src/answers/untaken.js';
import { WaitingRequests } from '../src/answers/waiting-requests.js';
import { Metrics } from '../src/metrics/metrics.js';
import { stream } from '../src/routes/stream.js';

/** What the operating system takes for a reader that reads nothing is a few megabytes; this is more. */
const BACKLOG_BYTES = 24 * 1024 * 1024;

/** A server of nothing but event streams, with events of this size to send. */
async function startStreams(limits: Partial<StreamLimits>, eventBytes: number) {
  const store = await openMemoryStore();
  const untaken = new Untaken({ ...STREAM_LIMITS, ...limits });
  const waitingRequests = new WaitingRequests(100);
  const context = { store, untaken, waitingRequests, metrics: new Metrics(store), pollTimeoutMs: 60_000 };
  const count = Math.ceil(BACKLOG_BYTES / eventBytes);
  const event = { from: 'f', type: 't', data: { text: 'x'.repeat(eventBytes) } };
  for (let i = 0; i < count; i += 1) await store.append('backlog', [event]);

  const app = Fastify();
  app.get<{ Querystring: ReadQuery }>('/', async ({ query, headers }, reply) => {
    await stream({ query: { ...query, after: 0 }, headers }, reply, context);
  });
  const sockets: Socket[] = [];
  app.server.on('connection', (socket) => sockets.push(socket));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const readers: Socket[] = [];
  onTestFinished(async () => {
    for (const reader of readers) reader.destroy();
    waitingRequests.stop();
    await app.close();
    await store.close();
    expect(untaken.bytes).toBe(0);
  });
  return {
    untaken,
    count,
    /** The connections as the server has them. */
    sockets,
    /** Asks for a stream, and reads nothing of it until told to. */
    async open(channel: string): Promise<Socket> {
      const reader = connect(port, '127.0.0.1');
      reader.on('error', () => undefined);
      readers.push(reader);
      reader.pause();
      await once(reader, 'connect');
      reader.write(`GET /?clientId=c&channel=${channel} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return reader;
    },
  };
}

/** How often an id is at the beginning of a message that comes until it is the last one. */
async function readUntil(reader: Socket, lastId: number): Promise<number> {
  let ids = 0;
  let tail = '';
  for await (const chunk of reader) {
    const text = tail + (chunk as Buffer).toString('latin1');
    const found = [...text.matchAll(/id: (\d+)\ndata/g)];
    ids += found.length;
    if (found.some(([, id]) => Number(id) === lastId)) return ids;
    const last = found.at(-1);
    tail = text.slice(Math.max(text.length - 30, last === undefined ? 0 : last.index + last[0].length));
  }
  return ids;
}

describe('of an event stream whose reader is slow', () => {
  it('at most so much is held, however much there is, until it takes it', async () => {
    const readerBytes = 64 * 1024;
    const server = await startStreams({ readerBytes }, 10_000);
    const reader = await server.open('backlog');
    let most = 0;
    const looking = setInterval(() => {
      most = Math.max(most, server.untaken.bytes, server.sockets[0]?.writableLength ?? 0);
    }, 1);
    // Held, and held still later on: the operating system takes no more.
    await expect.poll(() => server.untaken.bytes, { interval: 200 }).toBeGreaterThan(0);
    expect(await readUntil(reader, server.count)).toBe(server.count);
    clearInterval(looking);
    expect(most).toBeGreaterThan(0);
    // The framing of a chunk comes on top.
    expect(most).toBeLessThanOrEqual(readerBytes + 1024);
  });

  it('it is cut off if it takes nothing in time', async () => {
    const server = await startStreams({ takeWithinMs: 100 }, 100_000);
    await server.open('backlog');
    await expect.poll(() => server.sockets[0]?.destroyed).toBe(true);
    expect(server.untaken.bytes).toBe(0);
  });

  it('heartbeats have to be taken too', async () => {
    const server = await startStreams({ heartbeatMs: 20, takeWithinMs: 100 }, BACKLOG_BYTES);
    const reader = await server.open('quiet');
    let text = '';
    reader.on('data', (chunk) => {
      text += chunk;
    });
    reader.resume();
    await expect.poll(() => text).toMatch(/retry: 1000\n\n[\s\S]*\n:\n\n[\s\S]*\n:\n\n/);
    expect(server.sockets[0]?.destroyed).toBe(false);
    // As if nothing were taken at the other end.
    server.sockets[0]?.cork();
    await expect.poll(() => server.sockets[0]?.destroyed).toBe(true);
  });
});

describe('of all event streams together', () => {
  it('at most so much is held; the slowest are cut off for the others', async () => {
    const totalBytes = 300_000;
    const server = await startStreams({ totalBytes, takeWithinMs: 600_000 }, 120_000);
    for (let n = 0; n < 4; n += 1) await server.open('backlog');
    const fast = await server.open('backlog');
    expect(await readUntil(fast, server.count)).toBe(server.count);
    // Two of them fit beside nobody else, one beside the fast one.
    await expect
      .poll(() => server.sockets.slice(0, 4).filter(({ destroyed }) => destroyed).length)
      .toBeGreaterThanOrEqual(2);
    expect(server.untaken.bytes).toBeLessThanOrEqual(totalBytes);
    expect(server.sockets[4]?.destroyed).toBe(false);
  });

  it('each gets less of what is left, and who has held longest goes first', () => {
    const cut: string[] = [];
    const reader = (name: string): Reader => ({ cutOff: () => cut.push(name) });
    const [a, b, c] = ['a', 'b', 'c'].map(reader) as [Reader, Reader, Reader];
    const untaken = new Untaken({ ...STREAM_LIMITS, readerBytes: 100, totalBytes: 1_000 });
    expect(untaken.share(a)).toBe(100);
    untaken.hold(a, 60);
    expect(untaken.share(a)).toBe(40);
    untaken.hold(b, 540);
    expect(untaken.share(c)).toBe(50);
    untaken.hold(a, 30);
    untaken.hold(c, 500);
    expect([cut, untaken.bytes]).toEqual([['a', 'b'], 500]);
    // It ends a little later.
    untaken.release(a, 60);
    untaken.forget(a);
    untaken.release(c, 400);
    expect(untaken.bytes).toBe(100);
    untaken.release(c, 100);
    expect(untaken.bytes).toBe(0);
    expect(cut).toEqual(['a', 'b']);
  });
});
