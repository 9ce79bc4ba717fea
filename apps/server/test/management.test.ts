import { expect, it } from 'vitest';
import { BEARER, json, randomChannel, startServer, type TestServer } from './support/server.js';

/** Resolves with status and body. */
async function call(
  server: TestServer,
  method: string,
  path: string,
  body?: object,
): Promise<[status: number, body: unknown]> {
  const response = await fetch(`${server.origin}/events/v1${path}`, {
    ...(body && json(body)),
    method,
    headers: { ...BEARER, ...(body && { 'Content-Type': 'application/json' }) },
  });
  return [response.status, await response.json()];
}

it('shows channels and consumers in pages, no larger than the server answers', async () => {
  const server = await startServer({ maxLimit: 2 });
  const channel = randomChannel();
  const names = ['a', 'b', 'c'].map((end) => `${channel}/${end}`);
  for (const name of names) await server.publish(name);
  const query = (more = '') => `/channels?prefix=${encodeURIComponent(`${channel}/`)}${more}`;
  const [status, first] = await call(server, 'GET', query('&limit=100'));
  expect([status, first]).toMatchObject([
    200,
    names.slice(0, 2).map((name) => ({ channel: name, firstId: 1, lastId: 1 })),
  ]);
  const [, rest] = await call(server, 'GET', query(`&after=${encodeURIComponent(names[1] as string)}`));
  expect(rest).toMatchObject([{ channel: names[2] }]);

  const [name = ''] = names;
  for (const clientId of ['x', 'y', 'z']) await server.store.saveCursor(clientId, name, 0);
  const consumers = `/consumers?channel=${encodeURIComponent(name)}`;
  expect((await call(server, 'GET', consumers))[1]).toMatchObject([
    { clientId: 'x', channel: name, after: 0, lag: 1 },
    { clientId: 'y' },
  ]);
  expect((await call(server, 'GET', `${consumers}&after=y`))[1]).toMatchObject([{ clientId: 'z' }]);
});

it('trims before an id, and before a time as a number or as ISO 8601', async () => {
  const server = await startServer();
  const channel = randomChannel();
  await server.publish(channel);
  const { timestamp } = (await server.publish(channel)) as { timestamp: number };
  const trim = (before: unknown) => call(server, 'POST', '/channels/trim', { channel, before });
  expect(await trim(2)).toEqual([200, { firstId: 2, lastId: 2 }]);
  await expect.poll(() => Date.now()).toBeGreaterThan(timestamp + 5);
  expect(await trim(timestamp)).toEqual([200, { firstId: 2, lastId: 2 }]);
  expect(await trim(new Date(timestamp).toISOString())).toEqual([200, { firstId: 2, lastId: 2 }]);
  expect(await trim(timestamp + 1)).toEqual([200, { firstId: 0, lastId: 2 }]);
  const noTimes = ['', 'now', '2026-13-01', '2026-02-30', '2026-02-01T00:00:00'];
  for (const wrong of [0, -1, 1.5, null, [], ...noTimes]) {
    const [status, body] = await trim(wrong);
    expect([wrong, status, body]).toMatchObject([wrong, 400, { code: 'InvalidContent' }]);
  }
  expect(await trim(Date.now() + 3_600_000)).toMatchObject([400, { code: 'InvalidContent' }]);
  const [status] = await call(server, 'POST', '/channels/trim', { channel: `${channel}:add`, before: 1 });
  expect(status).toBe(400);
});

it('answers of each event whether it is redacted', async () => {
  const server = await startServer();
  const channel = randomChannel();
  await server.publish(channel);
  expect(await call(server, 'POST', '/redactions', { channel, ids: [1, 2, 1] })).toEqual([
    200,
    {
      results: [
        { id: 1, redacted: true },
        {
          id: 2,
          error: {
            code: 'ResourceNotFound',
            message: `Channel ${JSON.stringify(channel)} has no event 2: it was dropped, or never given`,
          },
        },
        { id: 1, redacted: true },
      ],
    },
  ]);
  const [event] = (await server.read(channel)) as object[];
  expect(event).toMatchObject({ id: 1, redacted: true });
  expect(event).not.toHaveProperty('data');
  for (const ids of [[], [0], ['1'], 1, Array(1_001).fill(1)]) {
    expect((await call(server, 'POST', '/redactions', { channel, ids }))[0]).toBe(400);
  }
});

it('lets a page of any origin that may use the server delete', async () => {
  const server = await startServer({ corsOrigin: '*' });
  const response = await fetch(`${server.origin}/events/v1/channels?channel=a`, {
    method: 'OPTIONS',
    headers: { Origin: 'http://a.example', 'Access-Control-Request-Method': 'DELETE' },
  });
  expect(response.headers.get('access-control-allow-methods')).toContain('DELETE');
});
