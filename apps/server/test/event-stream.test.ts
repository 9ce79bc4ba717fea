import { request as httpRequest } from 'node:http';
import type { Event } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import {
  BEARER,
  randomChannel,
  SECRET,
  startServer,
  type TestServer,
  waitingPolls,
} from './support/server.js';

interface Message {
  id?: string;
  event?: string;
  data?: string;
  retry?: string;
}

/** The messages of a stream, as a browser would read them. */
async function* openStream(
  server: TestServer,
  query: string,
  headers: Record<string, string> = {},
): AsyncGenerator<Message> {
  const controller = new AbortController();
  const response = await server.fetch(`/events?clientId=c&${query}`, {
    headers: { Accept: 'text/event-stream', ...headers },
    signal: controller.signal,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(response.headers.get('x-accel-buffering')).toBe('no');
  expect(response.headers.get('x-request-id')).toBeTruthy();
  let text = '';
  try {
    for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(
      new TextDecoderStream(),
    )) {
      text += chunk;
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        yield Object.fromEntries(
          part
            .split('\n')
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        ) as Message;
      }
    }
  } finally {
    controller.abort();
  }
}

async function take(stream: AsyncGenerator<Message>, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < count) {
    const { value, done } = await stream.next();
    if (done) break;
    if (value.data !== undefined) messages.push(value);
  }
  return messages;
}

const eventOf = ({ data }: Message) => JSON.parse(data ?? '') as Event;

describe('GET /events as an event stream', () => {
  it('sends what is there, then what comes, with the event id as the id of the message', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel, { text: 'two\nlines' });
    const stream = openStream(server, `channel=${channel}&after=0`);
    expect((await take(stream, 1)).map(eventOf)).toMatchObject([{ id: 1, data: { text: 'two\nlines' } }]);
    await server.publish(channel);
    expect(await take(stream, 1)).toMatchObject([{ id: '2', data: expect.stringContaining('"id":2') }]);
    await stream.return(undefined);
    await waitingPolls(server.store, 0);
  });

  it('sends more than one read holds', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.store.append(
      channel,
      Array.from({ length: 350 }, (_, n) => ({ from: 'f', type: 't', data: { n } })),
    );
    const stream = openStream(server, `channel=${channel}&after=0`);
    expect((await take(stream, 350)).map((message) => eventOf(message).id)).toEqual(
      Array.from({ length: 350 }, (_, i) => i + 1),
    );
    await stream.return(undefined);
  });

  it('resumes from Last-Event-ID, which is saved as the cursor', async () => {
    const server = await startServer();
    const channel = randomChannel();
    for (let i = 0; i < 4; i++) await server.publish(channel);
    const stream = openStream(server, `channel=${channel}&after=0`, { 'Last-Event-ID': '2' });
    expect((await take(stream, 2)).map(({ id }) => id)).toEqual(['3', '4']);
    await stream.return(undefined);
    expect(await server.store.loadCursor('c', channel)).toMatchObject({ after: 2 });

    const again = openStream(server, `channel=${channel}`);
    expect((await take(again, 1)).map(({ id }) => id)).toEqual(['3']);
    await again.return(undefined);
  });

  it('carries several channels, named by the message, and resumes in each', async () => {
    const server = await startServer();
    const [a, b] = [randomChannel(), `${randomChannel()}:add`];
    const query = `channel=${a}&channel=${encodeURIComponent(b)}`;
    await server.publish(a);
    await server.publish(b);
    const stream = openStream(server, query);
    const messages = await take(stream, 2);
    expect(messages.map(({ event }) => event).sort()).toEqual([a, b].sort());
    await stream.return(undefined);

    await server.publish(b);
    const resumed = openStream(server, query, { 'Last-Event-ID': messages[1]?.id ?? '' });
    const [next] = await take(resumed, 1);
    expect(next).toMatchObject({ event: b });
    expect(eventOf(next as Message).id).toBe(2);
    await resumed.return(undefined);
  });

  it('is accepted with the secret in the URL, as a browser sends it', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    const response = await fetch(
      `${server.origin}/events/v1/events?clientId=c&channel=${channel}&after=0&secret=${encodeURIComponent(SECRET)}`,
      { headers: { Accept: 'text/event-stream' } },
    );
    expect(response.status).toBe(200);
    await response.body?.cancel();
  });

  it.each([
    ['a bad Last-Event-ID', 'channel=x', { 'Last-Event-ID': 'x=y' }, /^Invalid Last-Event-ID/],
    [
      'the Last-Event-ID of another stream',
      'channel=x',
      { 'Last-Event-ID': '1,2' },
      /^Invalid Last-Event-ID/,
    ],
    ['after with several channels', 'channel=x&channel=y&after=1', {}, /^Invalid after/],
    [
      'too many channels',
      Array.from({ length: 101 }, (_, i) => `channel=${i}`).join('&'),
      {},
      /^Invalid Channel/,
    ],
  ])('refuses %s', async (_name, query, headers, message) => {
    const server = await startServer();
    const response = await server.fetch(`/events?clientId=c&${query}`, {
      headers: { Accept: 'text/event-stream', ...headers },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'InvalidContent',
      message: expect.stringMatching(message),
    });
  });

  it('holds no more than it must for a reader that does not read', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const text = 'x'.repeat(100_000);
    for (let i = 0; i < 5; i++) {
      await server.store.append(
        channel,
        Array.from({ length: 100 }, () => ({ from: 'f', type: 't', data: { text } })),
      );
    }
    const request = httpRequest(`${server.origin}/events/v1/events?clientId=c&channel=${channel}&after=0`, {
      headers: { ...BEARER, Accept: 'text/event-stream' },
    });
    request.on('error', () => undefined);
    const sockets: import('node:net').Socket[] = [];
    server.app.server.once('connection', (socket) => sockets.push(socket));
    request.end();
    await new Promise((resolve) => request.once('response', resolve));
    await expect.poll(() => sockets[0]?.writableLength).toBeGreaterThan(0);
    // Of the fifty megabytes that are there; the framing of a chunk comes on top.
    expect(sockets[0]?.writableLength).toBeLessThanOrEqual(256 * 1024 + 1024);
    request.destroy();
  });

  it('resumes a stream of many channels with long names', async () => {
    const server = await startServer();
    const channels = Array.from({ length: 90 }, (_, i) => `${i}`.padEnd(120, 'x'));
    await server.publish(channels[89] as string);
    const query = channels.map((channel) => `channel=${channel}`).join('&');
    const stream = openStream(server, query);
    const [message] = await take(stream, 1);
    await stream.return(undefined);
    await server.publish(channels[0] as string);
    const resumed = openStream(server, query, { 'Last-Event-ID': message?.id ?? '' });
    expect(await take(resumed, 1)).toMatchObject([{ event: channels[0] }]);
    await resumed.return(undefined);
  });

  it('leaves nothing behind where the client leaves while the stream begins', async () => {
    const server = await startServer();
    const channels = Array.from({ length: 100 }, (_, i) => `channel=quiet${i}`).join('&');
    for (let i = 0; i < 5; i++) {
      const request = httpRequest(`${server.origin}/events/v1/events?clientId=c&${channels}`, {
        headers: { ...BEARER, Accept: 'text/event-stream', 'Last-Event-ID': Array(100).fill('0').join(',') },
      });
      request.on('error', () => undefined);
      const arrived = new Promise((resolve) => server.app.server.once('request', resolve));
      request.end();
      await arrived;
      request.destroy();
    }
    await waitingPolls(server.store, 0);
    await expect.poll(() => server.store.waiting).toBe(0);
  });

  it('is counted', async () => {
    const server = await startServer();
    const channel = randomChannel();
    await server.publish(channel);
    const stream = openStream(server, `channel=${channel}`);
    await take(stream, 1);
    expect(await (await fetch(`${server.origin}/metrics`)).text()).toMatch(/^events_delivered_total 1$/m);
    await stream.return(undefined);
  });

  it('ends when the server stops', async () => {
    const server = await startServer();
    const stream = openStream(server, `channel=${randomChannel()}`);
    await stream.next();
    await waitingPolls(server.store, 1);
    const rest = take(stream, 1);
    await server.app.close();
    expect(await rest).toEqual([]);
  });
});
