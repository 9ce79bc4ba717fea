import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildApp } from '@ganomede/events-server';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../src/process/logger.js';
import { BEARER, json, SECRET, startServer } from './support/server.js';

const encoded = encodeURIComponent(SECRET);

function memoryLog() {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, logger: createLogger('trace', destination, [SECRET]) };
}

describe('the log', () => {
  it('has a line for each request, by path', async () => {
    const { lines, logger } = memoryLog();
    const server = await startServer({ logger });
    await server.fetch('/events?clientId=c&channel=x&timeout=0');
    await expect.poll(() => lines.length).toBeGreaterThan(0);
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({
        msg: 'request',
        method: 'GET',
        path: '/events/v1/events',
        status: 200,
        reqId: expect.any(String),
      }),
    );
  });

  it('says with which code a request was refused', async () => {
    const { lines, logger } = memoryLog();
    const server = await startServer({ logger });
    await server.fetch('/events?clientId=c&channel=x&after=y');
    await fetch(`${server.origin}/events/v1/latest?channel=x`);
    const requests = () =>
      lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === 'request');
    await expect.poll(requests).toMatchObject([
      { level: 30, status: 400, code: 'InvalidContent' },
      { level: 30, status: 401, code: 'InvalidCredentialsError' },
    ]);
  });

  it('never holds a secret, whichever way it was sent', async () => {
    const { lines, logger } = memoryLog();
    const server = await startServer({ logger });
    const event = { clientId: 'c', channel: 'x', from: 'f', type: 't' };
    const url = `${server.origin}/events/v1`;
    const requests: [string, RequestInit?][] = [
      [`${url}/events?clientId=c&channel=x&timeout=0&secret=${encoded}`],
      [`${url}/events?secret=${encoded}&after=${encoded}`],
      [`${url}/ping/${encoded}`],
      [`${url}/${encoded}?secret=${encoded}`],
      [`${url}/events`, json({ ...event, secret: SECRET })],
      [`${url}/events`, json({ ...event, secret: SECRET, clientId: SECRET })],
      [`${url}/events`, { ...json(event), body: `{"secret":"${SECRET}",` }],
      [`${url}/events`, { ...json({}), body: new URLSearchParams({ ...event, secret: SECRET }) }],
      [`${url}/events`, { headers: { Authorization: `Bearer ${SECRET}`, 'X-Request-Id': 'x' } }],
    ];
    for (const [address, init] of requests) await fetch(address, init);
    logger.error({ err: new Error(`it was ${SECRET}`) }, SECRET);
    await expect
      .poll(() => lines.filter((line) => line.includes('"msg":"request"')).length)
      .toBe(requests.length);
    const log = lines.join('');
    expect(log).not.toContain(SECRET);
    expect(log).not.toContain(encoded);
    expect(log).not.toContain('secret=');
  });

  it('says once a second that the store is away, of each server', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'ganomede-log-'));
    onTestFinished(() => rm(dataDir, { recursive: true }));
    const store = await openLmdbStore({ dataDir });
    await store.close();
    for (let server = 0; server < 2; server++) {
      const { lines, logger } = memoryLog();
      const app = buildApp({ store, config: { apiSecret: SECRET }, logger });
      onTestFinished(() => app.close());
      for (let i = 0; i < 3; i++) {
        expect((await app.inject({ url: '/latest?channel=x', headers: BEARER })).statusCode).toBe(503);
      }
      expect(lines.filter((line) => line.includes('The event store is closed'))).toHaveLength(1);
    }
  });
});
