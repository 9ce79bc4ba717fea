// Workers that are killed with kill -9 in the middle of their work, and servers that stop in the middle of theirs.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client } from '@ganomede/events-client';
import { Process, RedisServer, RestartableServer, TemporaryFolder } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { SECRET } from './support/server.js';

const EVENTS = 120;

/** Prints `begin <id>` and `end <id>` around each event, with some time in between. */
const WORKER = `
import { Client } from '@ganomede/events-client';
const client = Client.fromEnv(process.env.NAME);
const options = { group: 'g', concurrency: 3, leaseMs: 500, backoffMs: [1], maxDeliveries: 100 };
const worker = client.work(process.env.CHANNEL, options, async ({ id }) => {
  console.log('begin ' + id);
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.log('end ' + id);
});
worker.on('error', ({ message }) => console.error(message));
process.once('SIGTERM', () => client.close());
console.log('ready');
`;

async function startServer(store: 'embedded' | 'Redis') {
  const folder = new TemporaryFolder();
  const redis = store === 'Redis' ? await RedisServer.start() : undefined;
  const env: Record<string, string> = redis
    ? { EVENTS_STORE: 'redis', REDIS_URL: redis.url }
    : { EVENTS_STORE: 'embedded', DATA_DIR: join(folder.path, 'data') };
  const server = await RestartableServer.start({ API_SECRET: SECRET, DRAIN_MS: '0', ...env });
  return {
    url: server.url,
    stop: (signal: 'SIGTERM' | 'SIGKILL') => server.stop(signal),
    start: () => server.start(),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await redis?.stop();
      folder.remove();
    },
  };
}

function work(url: string, channel: string, name: string): Process {
  return new Process(process.execPath, ['--input-type=module', '-e', WORKER], {
    cwd: import.meta.dirname,
    env: { API_SECRET: SECRET, EVENTS_URL: url, CHANNEL: channel, NAME: name },
  });
}

function clientOf(url: string): Client {
  return new Client('publisher', { url, secret: SECRET });
}

async function publish(client: Client): Promise<string> {
  const channel = randomUUID();
  await client.sendBatch(
    channel,
    Array.from({ length: EVENTS }, (_, n) => ({ from: 'test', type: 'add', data: { n } })),
  );
  return channel;
}

const ids = (lines: readonly string[], word: 'begin' | 'end') =>
  lines.flatMap((line) => (line.startsWith(`${word} `) ? [Number(line.slice(word.length + 1))] : []));
const all = Array.from({ length: EVENTS }, (_, n) => n + 1);

describe.each(['embedded', 'Redis'] as const)('on the store %s', (store) => {
  it('what a worker that is killed had begun goes to others, and nothing else is handled twice', async () => {
    await using server = await startServer(store);
    await using client = clientOf(server.url);
    const channel = await publish(client);
    const begun: number[] = [];
    const ended = new Set<number>();
    /** What those had begun that were killed. */
    const interrupted = new Set<number>();
    for (let round = 1; round <= 4; round += 1) {
      await using victim = work(server.url, channel, `victim-${round}`);
      await victim.until(() => ids(victim.lines, 'begin').length >= 3 + round);
      await victim.stop('SIGKILL');
      for (const id of ids(victim.lines, 'begin')) {
        begun.push(id);
        interrupted.add(id);
      }
      for (const id of ids(victim.lines, 'end')) ended.add(id);
    }
    await using survivor = work(server.url, channel, 'survivor');
    await survivor.until(() => new Set([...ended, ...ids(survivor.lines, 'end')]).size === EVENTS);
    // Those that had been finished, but not acknowledged, are still to come again.
    await expect.poll(async () => (await client.groups(channel))[0]?.pending).toBe(0);
    expect(await survivor.stop('SIGTERM')).toBe(0);
    const survived = ids(survivor.lines, 'begin');
    expect(new Set([...ended, ...ids(survivor.lines, 'end')])).toEqual(new Set(all));
    begun.push(...survived);
    const twice = begun.filter((id, i) => begun.indexOf(id) !== i);
    expect(twice.filter((id) => !interrupted.has(id))).toEqual([]);
    expect((await client.groups(channel))[0]).toMatchObject({ after: EVENTS, deadLetters: 0, missed: 0 });
  });

  it('workers that are asked to stop handle each event once', async () => {
    await using server = await startServer(store);
    await using client = clientOf(server.url);
    const channel = await publish(client);
    const ended: number[] = [];
    for (let round = 1; ended.length < EVENTS; round += 1) {
      const wanted = Math.min(20, EVENTS - ended.length);
      await using first = work(server.url, channel, `first-${round}`);
      await using second = work(server.url, channel, `second-${round}`);
      const count = () => ids(first.lines, 'end').length + ids(second.lines, 'end').length;
      for (const worker of [first, second]) await worker.until(() => worker.lines.includes('ready'));
      await Promise.race([first.until(() => count() >= wanted), second.until(() => count() >= wanted)]);
      expect(await Promise.all([first.stop('SIGTERM'), second.stop('SIGTERM')])).toEqual([0, 0]);
      ended.push(...ids(first.lines, 'end'), ...ids(second.lines, 'end'));
    }
    expect(ended.sort((a, b) => a - b)).toEqual(all);
    expect((await client.groups(channel))[0]).toMatchObject({ pending: 0, redelivered: 0, deadLetters: 0 });
  });

  it.each([
    // Leases outlive servers: what workers have finished meanwhile is told to the next one.
    ['SIGTERM', 60_000],
    // What was handed out and has not arrived is handed out again when its lease has ended.
    ['SIGKILL', 2_000],
  ] as const)('workers go on when the server is ended by %s and started again', async (signal, leaseMs) => {
    await using server = await startServer(store);
    await using client = new Client('worker', { url: server.url, secret: SECRET, retryMaxMs: 500 });
    const channel = await publish(client);
    /** By id: how often it was finished. */
    const finished = new Map<number, number>();
    const options = { group: 'g', concurrency: 3, leaseMs, backoffMs: [1] };
    const worker = client.work(channel, options, async ({ id }) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      finished.set(id, (finished.get(id) ?? 0) + 1);
    });
    const codes = new Set<string>();
    worker.on('error', ({ code }) => codes.add(code));
    worker.on('failed', (_event, error) => codes.add((error as { code: string }).code));
    for (const wanted of [20, 50, 80]) {
      await expect.poll(() => finished.size, { interval: 2, timeout: 30_000 }).toBeGreaterThanOrEqual(wanted);
      await server.stop(signal);
      await server.start();
    }
    await expect
      .poll(async () => (await client.groups(channel))[0], { timeout: 30_000 })
      .toMatchObject({ after: EVENTS, pending: 0, deadLetters: 0 });
    expect([...finished.keys()].sort((a, b) => a - b)).toEqual(all);
    if (signal === 'SIGTERM') {
      expect([...finished.values()].every((times) => times === 1)).toBe(true);
      expect(codes.has('LeaseLost')).toBe(false);
    }
  });
});
