import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import type { Event, EventHeader } from '@ganomede/events-protocol';
import { RedisServer } from '@ganomede/events-testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProcess } from './support/process.js';
import { BEARER, SECRET, startServer } from './support/server.js';

const PUBLISHERS = 32;

/** One publish over a kept-alive connection, without any retry: the header, or undefined where it failed. */
function publish(url: string, agent: Agent, n: number): Promise<EventHeader | undefined> {
  const body = JSON.stringify({
    clientId: 'c',
    secret: SECRET,
    channel: 'stopping',
    from: 'f',
    type: 't',
    data: { n },
  });
  return new Promise((resolve) => {
    const outgoing = request(
      `${url}/events/v1/events`,
      {
        agent,
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      },
      async (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.once('error', () => resolve(undefined));
        response.once('end', () =>
          resolve(response.statusCode === 200 ? (JSON.parse(text) as EventHeader) : undefined),
        );
      },
    );
    outgoing.once('error', () => resolve(undefined));
    outgoing.end(body);
  });
}

async function readAll(url: string): Promise<Event[]> {
  const all: Event[] = [];
  for (;;) {
    const query = new URLSearchParams({
      clientId: 'reader',
      channel: 'stopping',
      timeout: '0',
      limit: '1000',
      after: `${all.at(-1)?.id ?? 0}`,
    });
    const events = (await (
      await fetch(`${url}/events/v1/events?${query}`, { headers: BEARER })
    ).json()) as Event[];
    if (events.length === 0) return all;
    all.push(...events);
  }
}

describe.each(['embedded', 'redis'] as const)('a stop under load, on the %s store', (kind) => {
  it('answers every publish that it stores, and stores none that it does not answer', async () => {
    let env: Record<string, string> = { API_SECRET: SECRET };
    if (kind === 'redis') {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.stop());
      env = { ...env, EVENTS_STORE: 'redis', REDIS_URL: redis.url };
    }
    let server = await startProcess([], env);
    const dataDir = server.child.spawnargs.at(-1) as string;
    const answered = new Map<number, number>();
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      const url = await server.listening();
      const agent = new Agent({ keepAlive: true });
      const enough = sent + 300;
      let stopped = false;
      const publishers = Array.from({ length: PUBLISHERS }, async () => {
        while (!stopped) {
          const n = ++sent;
          const header = await publish(url, agent, n);
          if (header !== undefined) answered.set(header.id, n);
          if (n === enough) server.child.kill('SIGTERM');
        }
      });
      expect(await server.exited()).toBe(0);
      stopped = true;
      await Promise.all(publishers);
      agent.destroy();
      server = await startProcess(['--port', '0', '--data-dir', dataDir], env);
    }
    const stored = await readAll(await server.listening());
    expect(stored.length).toBeGreaterThan(900);
    expect(new Map(stored.map(({ id, data }) => [id, (data as { n: number }).n]))).toEqual(answered);
  }, 60_000);
});

it('whoever sends headers slowly is cut off', async () => {
  const server = await startServer();
  const socket = connect(server.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.write('GET /events/v1/about HTTP/1.1\r\nHost: x\r\n');
  await once(socket, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"RequestTimeout"/);
});
