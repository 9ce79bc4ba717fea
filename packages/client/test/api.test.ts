import { expect, test } from 'vitest';
import * as api from '../src/api.js';
import { resolveOptions } from '../src/options.js';
import { json, text } from './hostile-server.js';
import { startRealServer } from './real-server.js';
import { startServer } from './setup.js';

const SECRET = 'api-secret';
const ASKED = { clientId: 'tester', channel: 'users/v1' };

async function startApi() {
  return resolveOptions({ url: await startRealServer(SECRET), secret: SECRET });
}

test('publishes, reads behind what was read, and waits for no longer than it says', async () => {
  const server = await startApi();
  const add = { from: 'users/v1', type: 'add', data: { username: 'alice' } };
  const { channel, clientId } = ASKED;
  const call = { clientId, timeoutMs: 5000 };
  const first = await api.appendOne(server, api.appendOf(channel, add), call);
  const batch = api.batchOf(channel, [add, { from: 'x', type: 'drop' }], { idempotencyKey: 'key' });
  const others = await api.appendOne(server, batch, call);
  expect([...first, ...others].map(({ id }) => id)).toEqual([1, 2, 3]);
  const [again, other] = await api.appendAll(
    server,
    [batch, api.appendOf(channel, add, { idempotencyKey: 'key' })],
    call,
  );
  expect(again, 'under a key that was used').toEqual(others);
  expect(other).toMatchObject({ code: 'IdempotencyKeyReused', statusCode: 422, maybeProcessed: false });

  const page = await api.read(server, { ...ASKED, after: 1, limit: 1, waitMs: 0, timeoutMs: 5000 });
  const epoch = expect.stringMatching(/^1-/);
  const bounds = { firstId: 1, lastId: 3 };
  expect(page).toEqual({ events: [{ ...others[0], ...add }], bounds, epoch, isShared: false });

  await api.acknowledge(server, { ...ASKED, after: 2, timeoutMs: 5000 });
  const rest = await api.read(server, { ...ASKED, waitMs: 0, timeoutMs: 5000 });
  expect(rest.events.map(({ id }) => id)).toEqual([3]);
  const nothing = await api.read(server, { ...ASKED, after: 3, waitMs: 1, timeoutMs: 5000 });
  expect(nothing).toEqual({ events: [], bounds, epoch, isShared: false });
});

test('pages backward through the newest events, and through those of an index', async () => {
  const server = await startApi();
  const events = Array.from({ length: 4 }, () => ({ from: 'x', type: 'add', data: { name: 'alice' } }));
  const { channel, clientId } = ASKED;
  await api.appendOne(server, api.batchOf(channel, events, undefined), { clientId, timeoutMs: 5000 });
  const ids = (rows: { id: number }[]) => rows.map(({ id }) => id);
  expect(ids(await api.latest(server, { channel, limit: 2 }))).toEqual([3, 4]);
  expect(ids(await api.latest(server, { channel, limit: 2, before: 3 }))).toEqual([1, 2]);

  const index = { id: 'by-name', channel, field: 'data.name' };
  expect(await api.createIndex(server, index)).toBe('OK');
  expect(await api.listIndices(server)).toEqual([index]);
  const page = await api.readIndex(server, { id: 'by-name', value: 'alice', limit: 3 });
  expect([ids(page.rows), page.next]).toEqual([[4, 3, 2], 2]);
  const last = await api.readIndex(server, { id: 'by-name', value: 'alice', limit: 3, before: 2 });
  expect([ids(last.rows), last.next]).toEqual([[1], undefined]);
});

test('shows channels and consumers, and takes them away', async () => {
  const server = await startApi();
  const events = Array.from({ length: 4 }, () => ({ from: 'x', type: 'add', data: { name: 'alice' } }));
  const { channel, clientId } = ASKED;
  const headers = await api.appendOne(server, api.batchOf(channel, events, undefined), {
    ...{ clientId, timeoutMs: 5000 },
  });
  await api.acknowledge(server, { ...ASKED, after: 1, timeoutMs: 5000 });
  const lastTimestamp = headers[3]?.timestamp;
  expect(await api.listChannels(server, { prefix: channel.slice(0, 1), after: '', limit: 5 })).toEqual([
    { channel, firstId: 1, lastId: 4, lastTimestamp },
  ]);
  expect(await api.listConsumers(server, { channel, limit: 5 })).toMatchObject([
    { clientId, channel, after: 1, lag: 3, behindMs: expect.any(Number), savedAt: expect.any(Number) },
  ]);
  expect(await api.listConsumers(server, { channel, after: clientId })).toEqual([]);

  expect(await api.redact(server, { channel, ids: [2, 9] })).toMatchObject([
    { id: 2, redacted: true },
    { id: 9, error: { code: 'ResourceNotFound' } },
  ]);
  const [second] = await api.latest(server, { channel, limit: 1, before: 3 });
  expect(second).toEqual({ ...headers[1], from: 'x', type: 'add', redacted: true });
  expect(await api.trimChannel(server, { channel, before: 3 })).toEqual({ firstId: 3, lastId: 4 });
  const before = new Date((lastTimestamp ?? 0) - 1);
  expect(await api.trimChannel(server, { channel, before })).toEqual({ firstId: 3, lastId: 4 });
  expect(await api.deleteConsumer(server, { channel, clientId })).toBe('OK');
  await expect(api.deleteConsumer(server, { channel, clientId })).rejects.toMatchObject({
    code: 'ResourceNotFound',
  });
  expect(await api.deleteChannel(server, { channel })).toBe('OK');
  expect(await api.listChannels(server)).toEqual([]);
});

test('finds the cursor of a time, and deletes a group', async () => {
  const server = await startApi();
  const { channel, clientId } = ASKED;
  const [first] = await api.appendOne(server, api.appendOf(channel, { from: 'x', type: 'add' }), {
    ...{ clientId, timeoutMs: 5000 },
  });
  const timestamp = first?.timestamp ?? 0;
  expect(await api.findCursor(server, { channel, time: new Date(timestamp) })).toMatchObject({
    ...{ after: 0, firstId: 1, lastId: 1 },
  });
  expect(await api.findCursor(server, { channel, time: new Date(timestamp + 1) })).toMatchObject({
    after: 1,
  });

  const group = 'mailers';
  await api.saveGroup(server, { channel, group, settings: {}, timeoutMs: 5000 });
  expect(await api.groups(server, { channel })).toMatchObject([{ channel, group }]);
  expect(await api.deleteGroup(server, { channel, group })).toBe('OK');
  expect(await api.groups(server, { channel })).toEqual([]);
  await expect(api.deleteGroup(server, { channel, group })).rejects.toMatchObject({
    code: 'ResourceNotFound',
  });
});

test('tells what the server is, and that it is there', async () => {
  const server = await startApi();
  expect(await api.about(server)).toMatchObject({ type: 'ganomede-events', version: expect.any(String) });
  expect(await api.ping(server, { token: 'a/b' })).toBe('pong/a/b');
});

const SELF = { hostname: 'h', type: 't', version: '1', description: 'd', startDate: 's' };

test.each([
  ['definitions', api.listIndices, [{ id: 'i', channel: 'c' }], [{ id: 'i', channel: 'c', field: 'f' }]],
  ['what a server is', api.about, { ...SELF, version: 1 }, SELF],
  ['channels', api.listChannels, [{ lastId: 1 }], [{ channel: 'c', lastId: 1 }]],
])('takes nothing else for %s', async (_what, call, wrong, right) => {
  const hostile = (await startServer()).script(json(wrong), json(right));
  const server = resolveOptions({ hostname: '127.0.0.1', port: hostile.port, secret: SECRET });
  expect(await call(server)).toEqual(right);
  expect(hostile.requests).toHaveLength(2);
});

test('a signal ends what waits', async () => {
  const server = await startApi();
  const controller = new AbortController();
  const { signal } = controller;
  const reading = api.read(server, { ...ASKED, after: 0, waitMs: 20_000, timeoutMs: 30_000, signal });
  const refused = expect(reading).rejects.toMatchObject({ code: 'Closed' });
  controller.abort();
  await refused;
});

test('what the table of errors calls final is not tried again, whatever its status', async () => {
  const refusal = { code: 'Conflict', message: 'there is another one' };
  const hostile = (await startServer()).script(json(refusal, 503), text('', 500));
  const server = resolveOptions({ hostname: '127.0.0.1', port: hostile.port, secret: SECRET });
  await expect(api.createIndex(server, { id: 'i', channel: 'c', field: 'type' })).rejects.toMatchObject({
    code: 'Conflict',
  });
  expect(hostile.requests).toHaveLength(1);
});
