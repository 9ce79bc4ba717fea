import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BEARER, json, randomChannel, SECRET, startServer, type TestServer } from './support/server.js';
import { type Claims, claims, inSeconds, mint, part, rights, TOKEN_SECRET } from './support/tokens.js';

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const startWithTokens = (options: Parameters<typeof startServer>[0] = {}) =>
  startServer({ tokenSecret: TOKEN_SECRET, ...options });

const latest = async (server: TestServer, headers: Record<string, string>, query = '') => {
  const response = await fetch(`${server.origin}/events/v1/latest?channel=a${query}`, { headers });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    ...((await response.json()) as { code?: string; message?: string }),
  };
};

/** What is refused, and what is said of it. */
const refusedFor = (reason: string) => ({
  status: 401,
  challenge: `Bearer error="invalid_token", error_description="Invalid token: ${reason}"`,
  code: 'InvalidToken',
  message: `Invalid token: ${reason}`,
});

const READ = claims(rights(['read']));
/** Signed, whatever it says. */
const signed = (head: string, body: string) => {
  const input = `${head}.${body}`;
  return `${input}.${createHmac('sha256', TOKEN_SECRET).update(input).digest('base64url')}`;
};

describe('a token', () => {
  it('gives the rights that it says, wherever a secret may stand', async () => {
    const server = await startWithTokens();
    const token = await mint(claims(rights(['publish', 'read'])));
    const channel = randomChannel();
    const publish = (init: RequestInit, query = '') =>
      fetch(`${server.origin}/events/v1/events${query}`, init).then(({ status }) => status);
    const event = { clientId: 'c', channel, from: 'f', type: 't' };
    const withHeader = { ...json(event), headers: { 'Content-Type': 'application/json', ...bearer(token) } };
    expect(await publish(withHeader)).toBe(200);
    expect(await publish(json({ ...event, secret: token }))).toBe(200);
    expect(await publish(json(event), `?secret=${token}`)).toBe(200);
    expect(await publish(json(event))).toBe(401);
    const lower = await fetch(`${server.origin}/latest?channel=${channel}`, {
      headers: { authorization: `bearer ${token}` },
    });
    expect(await lower.json()).toHaveLength(3);
  });

  it('stands in no URL where that is off', async () => {
    const server = await startWithTokens({ allowQuerySecret: false });
    const token = await mint(READ);
    expect(await latest(server, {}, `&secret=${token}`)).toMatchObject({ status: 401 });
    expect(await latest(server, bearer(token))).toMatchObject({ status: 200 });
  });

  it('is nothing where tokens are not configured', async () => {
    const server = await startServer();
    expect(await latest(server, bearer(await mint(READ)))).toEqual({
      status: 401,
      challenge: 'Bearer',
      code: 'InvalidCredentialsError',
      message: 'Invalid credentials',
    });
  });

  it('leaves the answer to those without one as it was, and the secret its rights', async () => {
    const server = await startWithTokens();
    for (const headers of [{}, bearer('wrong'), { Authorization: 'Basic eDp5' }, { Cookie: 'a=b' }]) {
      expect(await latest(server, headers as Record<string, string>)).toEqual({
        status: 401,
        challenge: 'Bearer',
        code: 'InvalidCredentialsError',
        message: 'Invalid credentials',
      });
    }
    expect((await server.fetch('/channels')).status).toBe(200);
  });

  it('that has no rights here is known, and may do nothing', async () => {
    const server = await startWithTokens();
    const other = { ...rights(['read']), type: 'payments' };
    for (const token of [
      await mint(),
      await mint(claims(other)),
      await mint(claims(rights(['unheard of']))),
    ]) {
      expect(await latest(server, bearer(token))).toEqual({
        status: 403,
        challenge: 'Bearer error="insufficient_scope"',
        code: 'InsufficientScope',
        message: 'The token gives no right to read "a"',
      });
    }
  });
});

describe('is refused, with a reason that helps, before anything else is checked', () => {
  const good = { ...READ, exp: undefined };
  it.each<[string, () => Promise<string> | string, string]>([
    ['that has expired', () => mint({ ...READ, exp: inSeconds(-1) }), 'it has expired'],
    ['that has expired long ago', () => mint({ ...READ, exp: inSeconds(-1_000) }), 'it has expired'],
    ['that is not valid yet', () => mint({ ...READ, nbf: inSeconds(60) }), 'it is not valid yet'],
    ['for another audience', () => mint({ ...READ, aud: 'payments' }), 'it is for another audience'],
    ['from another issuer', () => mint({ ...READ, iss: 'elsewhere' }), 'it is from another issuer'],
    ['without an end', () => mint(good), 'expected a claim exp that is valid, got none'],
    [
      'whose end is none',
      () => mint({ ...READ, exp: 'soon' }),
      'expected a claim exp that is valid, got none',
    ],
    [
      'whose beginning is none',
      () => mint({ ...READ, nbf: 'now' }),
      'expected a claim nbf that is valid, got none',
    ],
    [
      'without issuer',
      () => signed(part({ alg: 'HS256' }), part({ aud: 'ganomede-events', exp: inSeconds(60) })),
      'expected a claim iss that is valid, got none',
    ],
    [
      'signed with another secret',
      () => mint(READ, new TextEncoder().encode('x'.repeat(32))),
      'its signature is wrong',
    ],
    [
      'with another algorithm of the same key',
      () => mint(READ, new TextEncoder().encode(TOKEN_SECRET.repeat(2)), { alg: 'HS512' }),
      'its algorithm is not accepted here',
    ],
    [
      'with alg none',
      () => `${part({ alg: 'none' })}.${part({ exp: 9e9 })}.`,
      'its algorithm is not accepted here',
    ],
    [
      'with alg RS256, of which there is no key',
      () => `${part({ alg: 'RS256', kid: 'x' })}.${part({})}.AAAA`,
      'its algorithm is not accepted here',
    ],
    ['without alg', () => signed(part({}), part({})), 'expected a signed JSON Web Token'],
    [
      'that needs something unheard of',
      () => signed(part({ alg: 'HS256', crit: ['x'], x: 1 }), part({})),
      'it needs what is not supported here',
    ],
    ['whose head is no JSON', () => 'abc.def.ghi', 'expected a signed JSON Web Token'],
    [
      'whose claims are none',
      () => signed(part({ alg: 'HS256' }), part('[]')),
      'expected a signed JSON Web Token',
    ],
    [
      'whose rights are no list',
      () => mint({ authorization_details: rights(['read']) }),
      'its authorization_details are not as described',
    ],
    [
      'whose rights lack channels',
      () => mint(claims({ type: 'ganomede-events', actions: ['read'] })),
      'its authorization_details are not as described',
    ],
  ])('one %s', async (_what, make, reason) => {
    const server = await startWithTokens();
    const token = await make();
    expect(await latest(server, bearer(token))).toEqual(refusedFor(reason));
    const invalid = await fetch(`${server.origin}/events/v1/events`, {
      ...json({ channel: 42 }),
      headers: { 'Content-Type': 'application/json', ...bearer(token) },
    });
    expect(await invalid.json()).toMatchObject({ code: 'InvalidToken' });
  });

  it('one of 64 KB', async () => {
    const server = await startWithTokens();
    const large = await mint({ ...READ, more: 'x'.repeat(48 * 1024) } as Claims);
    expect(large.length).toBeGreaterThan(64 * 1024);
    const response = await fetch(`${server.origin}/events/v1/events`, json({ secret: large }));
    const { challenge, status, ...body } = refusedFor('it has more than 8192 characters');
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([status, challenge]);
    expect(await response.json()).toEqual(body);
    expect((await fetch(`${server.origin}/latest`, { headers: bearer(large) })).status).toBe(431);
  });

  it('and accepted with the same, half a minute early', async () => {
    const server = await startWithTokens({ tokenIssuer: 'https://id.example', tokenAudience: 'events' });
    const token = await mint({
      ...READ,
      ...{ iss: 'https://id.example', aud: ['payments', 'events'], nbf: inSeconds(20) },
    });
    expect(await latest(server, bearer(token))).toMatchObject({ status: 200 });
  });
});

it('forged tokens are limited as wrong secrets are; those that have expired are not, nor do they hold up good ones', async () => {
  const server = await startWithTokens();
  const expired = bearer(await mint({ ...READ, exp: inSeconds(-60) }));
  for (let i = 0; i < 25; i++) expect((await latest(server, expired)).code).toBe('InvalidToken');
  const forged = bearer(await mint(READ, new TextEncoder().encode('x'.repeat(32))));
  for (let i = 0; i < 20; i++) expect((await latest(server, forged)).status).toBe(401);
  expect((await latest(server, forged)).status).toBe(429);
  expect((await latest(server, expired)).status).toBe(401);
  expect((await latest(server, bearer(await mint(READ)))).status).toBe(200);
  expect((await latest(server, BEARER)).status).toBe(200);
});

it('is told of in no log', async () => {
  const lines: string[] = [];
  const { createLogger } = await import('../src/process/logger.js');
  const logger = createLogger('trace', { write: (line) => void lines.push(line) }, [SECRET, TOKEN_SECRET]);
  const server = await startWithTokens({ logger });
  const token = await mint({ ...READ, exp: inSeconds(-60) });
  await latest(server, bearer(token), `&secret=${token}`);
  await fetch(`${server.origin}/events/v1/events`, json({ secret: token }));
  expect(lines.join('')).toContain('"code":"InvalidToken"');
  expect(lines.join('')).not.toContain(token.split('.')[1]);
});

describe('patterns', () => {
  const names = ['orders', 'orders:paid', 'orders-old', 'users/a', 'users/b:add', 'users', 'a:b:c'];
  it.each<[string, string[], boolean, string[]]>([
    ['a channel and its types', ['orders'], true, ['orders', 'orders:paid']],
    ['one type', ['orders:paid'], true, ['orders:paid']],
    ['what begins so', ['users/*'], true, ['users/a', 'users/b:add']],
    ['one type of what begins so', ['users/*:add'], true, ['users/b:add']],
    ['types that begin so', ['orders:p*', 'a:b*'], true, ['orders:paid', 'a:b:c']],
    ['everything', ['*'], true, names],
    ['nothing', [], true, []],
    ['a name alone, without types', ['orders', 'users/*'], false, ['orders', 'users/a', 'users/b:add']],
  ])('%s: %j', async (_what, channels, typedChannels, may) => {
    const server = await startWithTokens({ storeOptions: { typedChannels } });
    const headers = bearer(await mint(claims(rights(['read'], { channels }))));
    const readable: string[] = [];
    for (const name of names) {
      const response = await fetch(`${server.origin}/events/v1/latest?channel=${name}`, { headers });
      if (response.status === 200) readable.push(name);
      else expect(response.status).toBe(403);
    }
    expect(readable).toEqual(may);
  });

  it('of clientIds and groups, each right by itself', async () => {
    const server = await startWithTokens();
    const token = await mint(
      claims(
        rights(['read'], { channels: ['orders'], clientIds: ['mailer', 'page-*'] }),
        rights(['work'], { channels: ['jobs'], groups: ['g*'] }),
      ),
    );
    const status = async (path: string, init: RequestInit = {}) => {
      const headers = { ...(init.headers as object), ...bearer(token) };
      return (await fetch(`${server.origin}/events/v1${path}`, { ...init, headers })).status;
    };
    expect(await status('/events?clientId=mailer&channel=orders&timeout=0')).toBe(200);
    expect(await status('/events?clientId=page-7&channel=orders&timeout=0')).toBe(200);
    expect(await status('/events?clientId=billing&channel=orders&timeout=0')).toBe(403);
    expect(await status('/events?clientId=mailer&channel=jobs&timeout=0')).toBe(403);
    const receive = { channel: 'jobs', clientId: 'anybody', limit: 1, timeout: 0 };
    expect(await status('/groups/receive', json({ ...receive, group: 'g1' }))).toBe(200);
    expect(await status('/groups/receive', json({ ...receive, group: 'h' }))).toBe(403);
    expect(await status('/groups/receive', json({ ...receive, channel: 'orders', group: 'g1' }))).toBe(403);
  });
});

describe('the cookie', () => {
  const cookie = async () => ({ Cookie: `a=b; __Host-events-token=${await mint(READ)}; c=d` });

  it.each<[string, Record<string, string>, number]>([
    ['of a page of this host', { 'Sec-Fetch-Site': 'same-origin' }, 200],
    ['of a page of an allowed origin', { Origin: 'https://one.example', 'Sec-Fetch-Site': 'same-site' }, 200],
    ['of another page', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }, 401],
    ['of an image on another page', { 'Sec-Fetch-Site': 'cross-site' }, 401],
    ['of an address that somebody typed', { 'Sec-Fetch-Site': 'none' }, 401],
    ['of who does not say', {}, 401],
    ['of a page without an origin', { Origin: 'null' }, 401],
  ])('%s is answered %j: %i', async (_what, headers, status) => {
    const server = await startWithTokens({ corsOrigin: 'https://one.example, https://two.example' });
    // Not by fetch, which sets such headers itself.
    const response = await server.app.inject({
      url: '/events/v1/latest?channel=a',
      headers: { ...(await cookie()), ...headers },
      remoteAddress: '127.0.0.1',
    });
    expect(response.statusCode).toBe(status);
    if (status === 401) expect(response.json()).toMatchObject({ code: 'InvalidToken' });
    if (headers.Origin === 'https://one.example') {
      expect(response.headers).toMatchObject({
        'access-control-allow-origin': 'https://one.example',
        'access-control-allow-credentials': 'true',
      });
    }
  });

  it('is no origin of all, and goes behind everything else', async () => {
    const server = await startWithTokens({ corsOrigin: '*' });
    const send = async (headers: Record<string, string>) => {
      const response = await server.app.inject({
        url: '/events/v1/latest?channel=a',
        headers: { ...(await cookie()), ...headers },
        remoteAddress: '127.0.0.1',
      });
      expect(response.headers['access-control-allow-credentials']).toBeUndefined();
      return response.statusCode;
    };
    expect(await send({ Origin: '*' })).toBe(401);
    expect(await send({ Origin: 'https://one.example' })).toBe(401);
    expect(await send({ 'Sec-Fetch-Site': 'same-origin' })).toBe(200);
    expect(await send({ 'Sec-Fetch-Site': 'same-origin', Authorization: 'Bearer wrong' })).toBe(401);
  });

  it('holds no secret', async () => {
    const server = await startWithTokens();
    const response = await server.app.inject({
      url: '/events/v1/latest?channel=a',
      headers: {
        Cookie: `__Host-events-token=${SECRET.replaceAll(' ', '')}`,
        'Sec-Fetch-Site': 'same-origin',
      },
      remoteAddress: '127.0.0.1',
    });
    expect(response.statusCode).toBe(401);
  });
});
