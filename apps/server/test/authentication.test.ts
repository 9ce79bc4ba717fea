import { describe, expect, it } from 'vitest';
import { json, randomChannel, SECRET, startServer, type TestServer } from './support/server.js';

const event = { clientId: 'c', channel: 'auth', from: 'f', type: 't' };
const encoded = encodeURIComponent(SECRET);

describe('the secret', () => {
  it.each([
    ['the header', '', { Authorization: `Bearer ${SECRET}` }, {}],
    ['the header, in lower case', '', { Authorization: `bearer ${SECRET}` }, {}],
    ['the query', `?secret=${encoded}`, {}, {}],
    ['the body', '', {}, { secret: SECRET }],
    ['one of several places', '?secret=wrong', { Authorization: 'Basic eDp5' }, { secret: SECRET }],
  ])('is accepted in %s of a publish', async (_place, query, headers, fields) => {
    const server = await startServer();
    const init = json({ ...event, ...fields });
    const response = await fetch(`${server.origin}/events/v1/events${query}`, {
      ...init,
      headers: { ...(init.headers as object), ...(headers as object) },
    });
    expect(response.status).toBe(200);
  });

  it('is accepted in the query of a read', async () => {
    const server = await startServer();
    const response = await fetch(
      `${server.origin}/events/v1/events?clientId=c&channel=${randomChannel()}&timeout=0&secret=${encoded}`,
    );
    expect(response.status).toBe(200);
  });

  it.each([
    ['no secret', '', {}, {}],
    ['a wrong header', '', { Authorization: 'Bearer wrong' }, {}],
    ['an empty header', '', { Authorization: 'Bearer ' }, {}],
    ['another scheme', '', { Authorization: `Basic ${Buffer.from(SECRET).toString('base64')}` }, {}],
    ['a wrong query', '?secret=wrong', {}, {}],
    ['an empty query', '?secret=', {}, {}],
    ['a repeated query', `?secret=${encoded}&secret=${encoded}`, {}, {}],
    ['a wrong body', '', {}, { secret: 'wrong' }],
    ['a body of another type', '', {}, { secret: [SECRET] }],
    ['an empty body field', '', {}, { secret: '' }],
  ])('%s is refused, before anything else is checked', async (_place, query, headers, fields) => {
    const server = await startServer();
    const url = `${server.origin}/events/v1/events${query}`;
    for (const body of [
      { ...event, ...fields },
      { channel: 42, ...fields },
    ]) {
      const init = json(body);
      const posted = await fetch(url, {
        ...init,
        headers: { ...(init.headers as object), ...(headers as object) },
      });
      const read = await fetch(url, { headers });
      for (const response of [posted, read]) {
        expect(response.status).toBe(401);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
        expect(await response.json()).toEqual({
          code: 'InvalidCredentialsError',
          message: 'Invalid credentials',
        });
      }
    }
    expect(await server.store.read({ channel: 'auth', after: 0, limit: 1 })).toMatchObject({
      count: 0,
      lastId: 0,
    });
  });
});

it('may be one of two, while clients change from one to the other', async () => {
  const server = await startServer({ apiSecretPrevious: 'the previous one' });
  for (const [secret, status] of [
    [SECRET, 200],
    ['the previous one', 200],
    ['another', 401],
  ] as const) {
    const response = await fetch(`${server.origin}/events/v1/events`, json({ ...event, secret }));
    expect(response.status).toBe(status);
  }
});

it('is refused in a URL where that is off', async () => {
  const server = await startServer({ allowQuerySecret: false });
  const url = `${server.origin}/events/v1/events?secret=${encoded}`;
  expect((await fetch(url, json(event))).status).toBe(401);
  expect((await fetch(url, json({ ...event, secret: SECRET }))).status).toBe(200);
});

it('cannot be guessed quickly from one address, which does not hold up who knows it', async () => {
  const server = await startServer();
  const url = `${server.origin}/events/v1/events`;
  const attempt = () => fetch(url, json({ ...event, secret: 'wrong' }));
  for (let i = 0; i < 20; i++) expect((await attempt()).status).toBe(401);
  const response = await attempt();
  expect(response.status).toBe(429);
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await response.json()).toMatchObject({ code: 'TooManyRequests' });
  expect((await fetch(url, json({ ...event, secret: SECRET }))).status).toBe(200);
});

it('is guessed as rarely where an address has two names', async () => {
  const server = await startServer();
  const status = async (path: string) =>
    (await fetch(`${server.origin}${path}?channel=x`, { headers: { Authorization: 'Bearer wrong' } })).status;
  for (let i = 0; i < 10; i++) {
    expect([await status('/latest'), await status('/events/v1/latest')]).toEqual([401, 401]);
  }
  expect([await status('/latest'), await status('/events/v1/latest')]).toEqual([429, 429]);
});

describe('behind a proxy', () => {
  const attempts = async (server: TestServer, client: string, count: number) => {
    const headers = { 'Content-Type': 'application/json', 'X-Forwarded-For': client };
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) {
      const init = { ...json({ ...event, secret: 'wrong' }), headers };
      statuses.push((await fetch(`${server.origin}/events/v1/events`, init)).status);
    }
    return statuses;
  };

  it('that is trusted, wrong secrets of one client do not refuse those of others', async () => {
    const server = await startServer({ trustProxy: 'loopback' });
    expect((await attempts(server, '192.0.2.1', 21)).at(-1)).toBe(429);
    expect(await attempts(server, '192.0.2.2', 1)).toEqual([401]);
    // What a client itself says about its address is worth nothing.
    expect(await attempts(server, '192.0.2.3, 192.0.2.1', 1)).toEqual([429]);
  });

  it('that is not trusted, the address is that of the connection', async () => {
    const server = await startServer({ trustProxy: '10.0.0.0/8' });
    expect((await attempts(server, '192.0.2.1', 21)).at(-1)).toBe(429);
    expect(await attempts(server, '192.0.2.2', 1)).toEqual([429]);
  });
});

it('a page of an allowed origin may use the server, another may not', async () => {
  const server = await startServer({ corsOrigin: 'https://one.example, https://two.example' });
  const allowed = async (origin: string) => {
    const response = await fetch(`${server.origin}/events/v1/events`, {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    });
    expect(response.status).toBeLessThan(300);
    return response.headers.get('access-control-allow-origin');
  };
  expect(await allowed('https://two.example')).toBe('https://two.example');
  expect(await allowed('https://three.example')).toBeNull();
});
