import { describe, expect, it } from 'vitest';
import { json, randomChannel, startServer } from './support/server.js';

const metadata = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'a.b_c-1': 'ü "\n',
};
const event = { from: 'f', type: 't', data: { n: 1 } };

describe('metadata', () => {
  it('comes with its event wherever that goes, as it was sent, and is absent where there was none', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const publish = (body: object) => server.fetch('/events', json({ clientId: 'c', channel, ...body }));
    expect((await publish({ ...event, metadata })).status).toBe(200);
    expect((await publish({ events: [{ ...event, metadata: {} }, event] })).status).toBe(200);
    const appends = [{ channel: `${channel}:t`, events: [{ from: 'f', type: 'x', metadata }] }];
    expect((await server.fetch('/appends', json({ clientId: 'c', appends }))).status).toBe(200);

    const stored = [metadata, {}, undefined, metadata];
    const metadataOf = (events: { metadata?: unknown }[]) => events.map((each) => each.metadata);
    const events = await server.read(channel, { after: 0 });
    expect(metadataOf(events)).toEqual(stored);
    expect(Object.keys(events[2] as object)).not.toContain('metadata');
    expect(metadataOf(await server.read(`${channel}:t`, { after: 0 }))).toEqual(stored);
    const latest = await (await server.fetch(`/latest?channel=${channel}`)).json();
    expect(metadataOf(latest as [])).toEqual(stored);

    await server.fetch('/indices', json({ id: channel, channel, field: 'type' }));
    const found = await (await server.fetch(`/indices/${encodeURIComponent(channel)}/t`)).json();
    expect(metadataOf((found as { rows: [] }).rows)).toEqual(stored.slice(0, 3).reverse());

    const controller = new AbortController();
    const { signal } = controller;
    const sse = await server.fetch(`/events?clientId=s&channel=${channel}&after=3`, {
      headers: { Accept: 'text/event-stream' },
      signal,
    });
    expect(await untilText(sse, '"metadata"')).toContain(JSON.stringify(metadata));
    const cursors = [{ channel, after: 3 }];
    const lines = await server.fetch('/streams', { ...json({ clientId: 's', cursors }), signal });
    expect(await untilText(lines, '"metadata"')).toContain(JSON.stringify(metadata));
    controller.abort();
  });

  it('has the trace of the request that published it, if it tells none', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const trace = { traceparent: metadata.traceparent, tracestate: 'vendor=1' };
    const publish = async (body: object, headers: Record<string, string> = trace) => {
      const init = json({ clientId: 'c', channel, ...body });
      return server.fetch('/events', { ...init, headers: { ...(init.headers as object), ...headers } });
    };
    const published = await publish(event);
    // What the publisher has not said is not told to it.
    expect(await published.json()).toEqual({ id: 1, timestamp: expect.any(Number), ...event });
    const own = { traceparent: '00-11111111111111111111111111111111-2222222222222222-00' };
    expect(
      (
        await publish({
          events: [
            { ...event, metadata: own },
            { ...event, metadata: { tenant: 'a' } },
          ],
        })
      ).status,
    ).toBe(200);
    const full = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`n${n}`, '']));
    expect((await publish({ ...event, metadata: full })).status).toBe(200);
    for (const traceparent of [
      '',
      'x',
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `ff${metadata.traceparent.slice(2)}`,
    ]) {
      expect((await publish(event, { traceparent })).status).toBe(200);
    }
    expect((await publish(event, { traceparent: metadata.traceparent })).status).toBe(200);
    const stored = await server.read(channel, { after: 0 });
    expect(stored.map((each) => each.metadata)).toEqual([
      trace,
      own,
      { tenant: 'a', ...trace },
      full,
      ...Array(4).fill(undefined),
      { traceparent: metadata.traceparent },
    ]);
  });

  it('of another trace is the same publish, sent again', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const publish = async (traceparent: string) => {
      const init = json({ clientId: 'c', channel, ...event });
      const headers = { ...(init.headers as object), 'Idempotency-Key': 'k', traceparent };
      return (await server.fetch('/events', { ...init, headers })).json();
    };
    const first = await publish(metadata.traceparent);
    expect(await publish(metadata.traceparent.replace('b7', 'c8'))).toEqual(first);
    expect(await server.read(channel, { after: 0 })).toHaveLength(1);
  });

  it('may stand in a form, as JSON text', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const form = (fields: Record<string, string>) =>
      server.fetch('/events', {
        method: 'POST',
        body: new URLSearchParams({ clientId: 'c', channel, from: 'f', type: 't', ...fields }),
      });
    const { status } = await form({ data: '[1]', metadata: JSON.stringify(metadata), expectedLastId: '0' });
    expect(status).toBe(200);
    expect(await server.read(channel, { after: 0 })).toMatchObject([{ data: [1], metadata }]);
    expect((await form({ metadata: '"{}"' })).status).toBe(400);
    expect((await form({ metadata: 'a=b' })).status).toBe(400);
    expect((await form({ expectedLastId: '0' })).status).toBe(409);
  });

  const tooMany = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`n${i}`, '']));
  it.each([
    ['an array', [], 'expected a flat object of strings, got an array'],
    ['null', null, 'expected a flat object of strings, got null'],
    ['a text', 'a=b', 'expected a flat object of strings, got string'],
    ['33 entries', tooMany, 'expected at most 32 entries, got 33'],
    [
      'another character',
      { Trace: 'x' },
      'expected names of 1 to 64 characters of a-z 0-9 . _ -, got "Trace"',
    ],
    ['an empty name', { '': 'x' }, 'expected names of 1 to 64 characters of a-z 0-9 . _ -, got ""'],
    ['a number', { n: 1 }, 'expected a string as "n", got number'],
    ['an object', { n: { a: 'b' } }, 'expected a string as "n", got object'],
    [
      '4,097 bytes',
      { ab: 'x'.repeat(4_095) },
      'expected at most 4096 bytes of names and texts in all, got 4097',
    ],
    [
      'bytes, not characters',
      { a: 'ü'.repeat(2_048) },
      'expected at most 4096 bytes of names and texts in all, got 4097',
    ],
  ])('is refused, and nothing stored: %s', async (_what, bad, problem) => {
    const server = await startServer();
    const channel = randomChannel();
    const refused = async (body: object, where: string) => {
      const response = await server.fetch('/events', json({ clientId: 'c', channel, ...body }));
      expect(response.status).toBe(400);
      const code = 'InvalidContent';
      expect(await response.json()).toEqual({ code, message: `Invalid metadata${where}: ${problem}` });
    };
    await refused({ ...event, metadata: bad }, '');
    await refused({ events: [event, { ...event, metadata: bad }] }, ' in events/1');
    const appends = [
      { channel, events: [{ ...event, metadata: bad }] },
      { channel: `${channel}/other`, events: [event] },
    ];
    const response = await server.fetch('/appends', json({ clientId: 'c', appends }));
    expect(await response.json()).toMatchObject({
      results: [{ error: { code: 'InvalidContent' } }, { headers: [{ id: 1 }] }],
    });
    expect(await server.read(channel, { after: 0, timeout: 0 })).toEqual([]);
  });

  it('of 32 entries and 4,096 bytes is stored', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const most = Object.fromEntries(
      Array.from({ length: 32 }, (_, i) => [`n${i}`.padEnd(64, '_'), '\u{1f600}'.repeat(16)]),
    );
    const { status } = await server.fetch(
      '/events',
      json({ clientId: 'c', channel, ...event, metadata: most }),
    );
    expect(status).toBe(200);
    expect(await server.read(channel, { after: 0 })).toMatchObject([{ metadata: most }]);
  });

  it('is a part of what an idempotency key stands for', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const publish = (more: object) =>
      server.fetch('/events', {
        ...json({ clientId: 'c', channel, ...event, ...more }),
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'k' },
      });
    expect((await publish({ metadata })).status).toBe(200);
    expect((await publish({ metadata })).status).toBe(200);
    expect((await publish({})).status).toBe(422);
  });
});

/** What has come of an answer once it holds a text. */
async function untilText(response: Response, text: string): Promise<string> {
  let came = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    came += Buffer.from(chunk).toString();
    if (came.includes(text)) break;
  }
  return came;
}
