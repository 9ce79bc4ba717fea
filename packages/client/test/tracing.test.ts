// Spans of the client, by the real SDK of OpenTelemetry, against a real server in this process.

import { randomUUID } from 'node:crypto';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Client } from '../src/index.js';
import { startRealServer } from './real-server.js';
import { cleanUp } from './setup.js';

const SECRET = 'a secret of the tests';
const EVENT = { from: 'test', type: 'add' };

let exporter: InMemorySpanExporter;

beforeEach(() => {
  exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
});
afterEach(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

/** Resolves with the spans of an operation, once there are so many. */
async function spansOf(operation: string, count: number): Promise<ReadableSpan[]> {
  const found = () => exporter.getFinishedSpans().filter(({ name }) => name === operation);
  await expect.poll(() => found().length).toBe(count);
  return found();
}

const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;
const traceOf = (span: ReadableSpan | undefined) => span?.spanContext().traceId;
const linksOf = (span: ReadableSpan | undefined) => span?.links.map((link) => link.context.spanId);

async function start() {
  const url = await startRealServer(SECRET);
  const clientOf = (clientId: string) => {
    const client = new Client(clientId, { url, secret: SECRET });
    cleanUp(() => client.close());
    return client;
  };
  return { url, channel: randomUUID(), clientOf };
}

it('a handler goes on in the trace of its send, through the server', async () => {
  const { url, channel, clientOf } = await start();
  const tracer = trace.getTracer('test');
  let inHandler: string | undefined;
  clientOf('listener').on(channel, () => {
    inHandler = trace.getActiveSpan()?.spanContext().spanId;
  });
  const { id } = await tracer.startActiveSpan('order 1', async (span) => {
    const header = await clientOf('sender').send(channel, EVENT);
    span.end();
    return header;
  });
  const [order] = await spansOf('order 1', 1);
  const [send] = await spansOf('send', 1);
  const [publish] = await spansOf('publish', 1);
  const [receive] = await spansOf('receive', 1);
  const [process] = await spansOf('process', 1);
  expect(new Set([order, send, publish, process].map(traceOf)).size).toBe(1);
  expect(send?.parentSpanContext?.spanId).toBe(idOf(order));
  expect(publish?.parentSpanContext?.spanId).toBe(idOf(send));
  expect(process?.parentSpanContext?.spanId).toBe(idOf(send));
  expect(inHandler).toBe(idOf(process));
  expect(linksOf(receive)).toEqual([idOf(send)]);
  expect([send, publish, receive, process].map((span) => [span?.name, span?.kind])).toEqual([
    ['send', SpanKind.PRODUCER],
    ['publish', SpanKind.SERVER],
    ['receive', SpanKind.CLIENT],
    ['process', SpanKind.CONSUMER],
  ]);
  const server = { 'server.address': '127.0.0.1', 'server.port': Number(new URL(url).port) };
  expect(send?.attributes).toEqual({
    'messaging.system': 'ganomede-events',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': channel,
    'messaging.client.id': 'sender',
    'messaging.message.id': String(id),
    ...server,
  });
  expect(process?.attributes).toEqual({
    'messaging.system': 'ganomede-events',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': channel,
    'messaging.client.id': 'listener',
    'messaging.message.id': String(id),
    ...server,
  });
});

it('a worker goes on in the traces of the sends, and what it was given at once is linked to each of them', async () => {
  const { channel, clientOf } = await start();
  const sender = clientOf('sender');
  // Sent in one turn: they share a request, and an append.
  await Promise.all([1, 2, 3].map((n) => sender.send(channel, { ...EVENT, data: { n } })));
  clientOf('worker').work(channel, { group: 'g', concurrency: 3 }, () => {});
  const sends = await spansOf('send', 3);
  const [receive] = await spansOf('receive', 1);
  const processes = await spansOf('process', 3);
  const [publish] = await spansOf('publish', 1);
  expect(new Set(sends.map(traceOf)).size).toBe(3);
  expect(linksOf(receive)?.sort()).toEqual(sends.map(idOf).sort());
  expect(linksOf(publish)?.sort()).toEqual(sends.map(idOf).sort());
  expect(receive?.attributes).toMatchObject({
    'messaging.batch.message_count': 3,
    'messaging.consumer.group.name': 'g',
  });
  expect(processes.map(traceOf).sort()).toEqual(sends.map(traceOf).sort());
  expect(processes.map(({ parentSpanContext }) => parentSpanContext?.spanId).sort()).toEqual(
    sends.map(idOf).sort(),
  );
});

it('a batch is one send, and each of its handlers is a part of it', async () => {
  const { channel, clientOf } = await start();
  clientOf('listener').on(channel, () => {});
  await clientOf('sender').sendBatch(channel, [EVENT, EVENT]);
  const [send] = await spansOf('send', 1);
  const processes = await spansOf('process', 2);
  expect(send?.attributes['messaging.batch.message_count']).toBe(2);
  expect(processes.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
    idOf(send),
    idOf(send),
  ]);
});

it('an event that has a trace already keeps it, and the send is linked to that', async () => {
  const { channel, clientOf } = await start();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const client = clientOf('c');
  await client.send(channel, { ...EVENT, metadata: { traceparent, tenant: 'north' } });
  expect(await client.getLatestEvents(channel)).toMatchObject([
    { metadata: { traceparent, tenant: 'north' } },
  ]);
  const [send] = await spansOf('send', 1);
  expect(linksOf(send)).toEqual(['b7ad6b7169203331']);
});

it('metadata that has no room for a trace is sent as it is', async () => {
  const { channel, clientOf } = await start();
  const metadata = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`n${n}`, 'x']));
  const client = clientOf('c');
  await client.send(channel, { ...EVENT, metadata });
  expect(await client.getLatestEvents(channel)).toMatchObject([{ metadata }]);
});

it('what fails is told by its span', async () => {
  const { channel, clientOf } = await start();
  const client = clientOf('c');
  await expect(client.send(channel, { from: '' } as never)).rejects.toThrow(TypeError);
  await expect(client.send(channel, EVENT, { expectedLastId: 7 })).rejects.toMatchObject({
    code: 'UnexpectedLastId',
  });
  const sends = await spansOf('send', 2);
  expect(sends.map(({ status, attributes }) => [status.code, attributes['error.type']])).toEqual([
    [SpanStatusCode.ERROR, 'TypeError'],
    [SpanStatusCode.ERROR, 'UnexpectedLastId'],
  ]);
  client.on('error', () => {});
  client.once(channel, async () => {
    throw new RangeError('too far');
  });
  await clientOf('sender').send(channel, EVENT);
  const [process] = await spansOf('process', 1);
  expect(process?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'too far' });
  expect(process?.attributes['error.type']).toBe('RangeError');
  expect(process?.events).toMatchObject([{ name: 'exception' }]);
});

it('a send that is repeated under its key in another trace is the same send', async () => {
  const { channel, clientOf } = await start();
  const client = clientOf('c');
  const first = await client.send(channel, EVENT, { idempotencyKey: 'k' });
  expect(await client.send(channel, EVENT, { idempotencyKey: 'k' })).toEqual(first);
});

it('nothing is added to events without a registered provider', async () => {
  const { channel, clientOf } = await start();
  trace.disable();
  const client = clientOf('c');
  await client.send(channel, EVENT);
  const [event] = await client.getLatestEvents(channel);
  expect(Object.keys(event ?? {})).not.toContain('metadata');
  expect(exporter.getFinishedSpans()).toEqual([]);
});
