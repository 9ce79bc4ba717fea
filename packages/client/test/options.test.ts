import http from 'node:http';
import https from 'node:https';
import { describe, expect, test } from 'vitest';
import { Client, type ClientOptions } from '../src/index.js';
import { resolveOptions } from '../src/options.js';
import { events } from './hostile-server.js';
import { clientOf, emitted, startServer } from './setup.js';

const secret = 's3cret';
const resolve = (options: object) => resolveOptions({ secret, ...options });

describe('what is wrong is said', () => {
  test.each([undefined, '', 7, null])('clientId %j', (clientId) => {
    expect(() => new Client(clientId as string, { secret })).toThrow(
      /^Invalid clientId: expected a non-empty string, got/,
    );
  });

  test.each([undefined, '', 7, null])('secret %j', (value) => {
    const options = { secret: value } as unknown as ClientOptions;
    expect(() => new Client('c', options)).toThrow(/^Invalid secret: expected a non-empty string, got/);
  });

  test('options left out', () => {
    expect(() => new Client('c')).toThrow('Invalid secret: expected a non-empty string, got undefined');
  });

  test.each([
    [{ protocol: 'ftp' }, 'Invalid protocol: expected the protocol http or https, got "ftp"'],
    [{ hostname: '' }, 'Invalid hostname: expected a non-empty string, got ""'],
    [{ port: 0 }, 'Invalid port: expected an integer from 1 to 65535, got 0'],
    [{ port: 'x' }, 'Invalid port: expected an integer from 1 to 65535, got "x"'],
    [{ pathname: 'events' }, /^Invalid pathname: .*, got "events"$/],
    [{ pathname: '/a?b' }, /^Invalid pathname/],
    [{ pathname: '/a b' }, /^Invalid pathname/],
    [{ agent: {} }, 'Invalid agent: expected an http.Agent or https.Agent, got an object'],
    [{ agent: https.globalAgent }, /^Invalid agent: expected an agent for http:, got "one for https:"/],
    [{ limit: 0 }, /^Invalid limit: expected an integer from 1 to \d+, got 0$/],
    [{ pollTimeoutMs: -1 }, /^Invalid pollTimeoutMs/],
    [{ pollGraceMs: 1.5 }, /^Invalid pollGraceMs/],
    [{ retryBaseMs: Number.NaN }, /^Invalid retryBaseMs/],
    [{ retryMaxMs: Number.POSITIVE_INFINITY }, /^Invalid retryMaxMs/],
    [{ retrySlowMs: '1' }, /^Invalid retrySlowMs/],
    [{ sendTimeoutMs: 0 }, /^Invalid sendTimeoutMs/],
    [{ url: 'events.example' }, /^Invalid url: expected an absolute URL/],
    [{ url: 'ftp://events.example' }, /^Invalid url: expected the protocol http or https/],
    [{ url: 'http://me:hidden@events.example' }, /^Invalid url: (?!.*hidden).*the secret is an option/],
    [{ url: 'http://events.example?a=b' }, /^Invalid url: expected no query/],
    [{ url: 'http://a', port: 1 }, 'Invalid options: expected either url or port, got both'],
  ])('%j', (options, message) => {
    expect(() => resolve(options)).toThrow(message);
  });
});

describe('the address', () => {
  const address = (options: object) => {
    const { protocol, hostname, port, pathname } = resolve(options);
    return `${protocol}//${hostname}:${port}${pathname}`;
  };

  test.each([
    [{}, 'http://localhost:8000/events/v1/events'],
    [{ protocol: 'https' }, 'https://localhost:8000/events/v1/events'],
    [{ protocol: 'https:', hostname: '10.0.0.1', port: 1 }, 'https://10.0.0.1:1/events/v1/events'],
    [{ port: '81' }, 'http://localhost:81/events/v1/events'],
    [{ pathname: '/events/v1/events' }, 'http://localhost:8000/events/v1/events'],
    [{ pathname: '/events/v1' }, 'http://localhost:8000/events/v1/events'],
    [{ pathname: '/events/v1/' }, 'http://localhost:8000/events/v1/events'],
    [{ pathname: '/my/prefix' }, 'http://localhost:8000/my/prefix/events'],
    [{ pathname: '/my/prefix//' }, 'http://localhost:8000/my/prefix/events'],
    [{ pathname: '/own/events' }, 'http://localhost:8000/own/events'],
    [{ pathname: '/' }, 'http://localhost:8000/events'],
    [{ url: 'https://events.example' }, 'https://events.example:443/events/v1/events'],
    [{ url: 'http://events.example:81/' }, 'http://events.example:81/events/v1/events'],
    [{ url: 'http://a/gate/events/v1' }, 'http://a:80/gate/events/v1/events'],
    [{ url: new URL('http://a/own') }, 'http://a:80/own/events'],
    [{ url: 'http://[::1]:8000' }, 'http://::1:8000/events/v1/events'],
  ])('%j', (options, expected) => {
    expect(address(options)).toBe(expected);
  });
});

test('undefined is the same as left out', () => {
  expect(resolve({ hostname: undefined, port: undefined, agent: undefined, limit: undefined })).toEqual(
    resolve({}),
  );
  expect(resolve({ agent: '' }).agent).toBeUndefined();
  expect(resolve({ agent: http.globalAgent }).agent).toBe(http.globalAgent);
});

test('the request that they make', async () => {
  const server = (await startServer()).script(events(4));
  const client = clientOf(server, { limit: 7, pollTimeoutMs: 1234, pathname: '/gate/v1' });
  await emitted(client, 'users/v1:add & é');
  const { method, pathname, query, headers } = await server.request(1);
  expect({ method, pathname, query: [...query] }).toEqual({
    method: 'GET',
    pathname: '/gate/v1/events',
    query: [
      ['clientId', 'tester'],
      ['channel', 'users/v1:add & é'],
      ['limit', '7'],
      ['timeout', '1234'],
    ],
  });
  expect(headers.authorization).toBe('Bearer s3cret');
});

test('the default agent keeps its connection', async () => {
  const server = (await startServer()).script(events(1), events(2));
  const client = clientOf(server, { agent: undefined });
  client.on('a', () => {});
  await server.request(3);
  expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 1]);
});
