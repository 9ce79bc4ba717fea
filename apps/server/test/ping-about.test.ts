import { expect, it } from 'vitest';
import pkg from '../package.json' with { type: 'json' };
import { startServer } from './support/server.js';

it('answers pings without a secret', async () => {
  const server = await startServer();
  const response = await fetch(`${server.origin}/events/v1/ping/a%22%20b${'c'.repeat(500)}`);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await response.json()).toBe(`pong/a" b${'c'.repeat(500)}`);
  const head = await fetch(`${server.origin}/events/v1/ping/x`, { method: 'HEAD' });
  expect(head.status).toBe(200);
  expect(await head.text()).toBe('');
});

it.each(['/about', '/events/v1/about'])('describes itself at %s without a secret', async (path) => {
  const server = await startServer();
  const about = (await (await fetch(server.origin + path)).json()) as Record<string, string>;
  expect(about).toEqual({
    hostname: expect.any(String),
    type: 'ganomede-events',
    version: pkg.version,
    description: pkg.description,
    startDate: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
});

it('answers with the request id of the caller, where it is fit to be one', async () => {
  const server = await startServer();
  const idFor = async (id: string) =>
    (await fetch(`${server.origin}/about`, { headers: { 'X-Request-Id': id } })).headers.get('x-request-id');
  expect(await idFor('caller-1')).toBe('caller-1');
  expect(await idFor('no good id')).toMatch(/^[\w-]{14,}$/);
  expect(await idFor('no good id')).not.toBe(await idFor('no good id'));
});
