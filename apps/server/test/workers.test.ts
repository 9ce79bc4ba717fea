import { RedisServer, type ServerProcess } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { restartDelayMs } from '../src/process/workers.js';
import { startProcess } from './support/process.js';
import { json, SECRET } from './support/server.js';

async function startWorkers(workers: string): Promise<ServerProcess> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return startProcess([], {
    API_SECRET: SECRET,
    REDIS_URL: redis.url,
    EVENTS_STORE: 'redis',
    WORKERS: workers,
  });
}

/** The ids of the processes that have said that they listen. */
const listeners = (server: ServerProcess) =>
  server.log.filter(({ msg }) => msg === 'listening').map(({ pid }) => pid as number);

const publish = (url: string) =>
  fetch(`${url}/events/v1/events`, {
    ...json({ clientId: 'c', secret: SECRET, channel: 'workers', from: 'f', type: 't' }),
    headers: { 'Content-Type': 'application/json', Connection: 'close' },
  });

it('several processes serve one port; one that crashes is replaced; a signal stops all', async () => {
  const server = await startWorkers('2');
  const url = await server.listening();
  await expect.poll(() => new Set(listeners(server)).size).toBe(2);
  expect(listeners(server)).not.toContain(server.child.pid);
  for (let i = 1; i <= 10; i++) expect(await (await publish(url)).json()).toMatchObject({ id: i });

  const [victim] = listeners(server);
  process.kill(victim as number, 'SIGKILL');
  await expect.poll(() => new Set(listeners(server)).size).toBe(3);
  expect(server.log).toContainEqual(
    expect.objectContaining({
      level: 50,
      worker: victim,
      signal: 'SIGKILL',
      msg: 'a worker crashed and is replaced',
    }),
  );
  expect((await publish(url)).status).toBe(200);

  server.child.kill('SIGTERM');
  expect(await server.exited()).toBe(0);
  expect(server.log.filter(({ msg }) => msg === 'stopped')).toHaveLength(3);
  for (const pid of listeners(server)) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});

it('whichever worker is asked tells the figures of all', async () => {
  const server = await startWorkers('2');
  const url = await server.listening();
  await expect.poll(() => new Set(listeners(server)).size).toBe(2);
  for (let i = 0; i < 10; i++) await publish(url);
  for (let i = 0; i < 4; i++) {
    const response = await fetch(`${url}/metrics`, { headers: { Connection: 'close' } });
    expect((await response.text()).split('\n')).toContain('events_published_total 10');
  }
});

it('the secret of the run is shown once, with the address of the API', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const server = await startProcess([], {
    REDIS_URL: redis.url,
    EVENTS_STORE: 'redis',
    WORKERS: '2',
    METRICS_PORT: '0',
  });
  const url = await server.listening();
  await expect.poll(() => new Set(listeners(server)).size).toBe(2);
  // Shown by the process that supervises, some time after the workers have logged that they listen.
  await expect.poll(() => server.stderr).toContain(`${url}/events/v1/events`);
  server.child.kill('SIGTERM');
  expect(await server.exited()).toBe(0);
  expect(server.stderr.match(/export API_SECRET=/g)).toHaveLength(1);
});

it('a single process remains a single process', async () => {
  const server = await startWorkers('1');
  await server.listening();
  expect(listeners(server)).toEqual([server.child.pid]);
});

it('are refused with the embedded store, with the reason', async () => {
  const server = await startProcess([], { API_SECRET: SECRET, WORKERS: '2' });
  expect(await server.exited()).toBe(1);
  expect(server.stderr).toMatch(
    /WORKERS: expected 1 with the embedded store.*got 2.*EVENTS_STORE or --store says so/,
  );
});

it('that cannot start at all end the server', async () => {
  const env = {
    API_SECRET: SECRET,
    EVENTS_STORE: 'redis',
    REDIS_URL: 'redis://127.0.0.1:1',
    REDIS_CONNECT_TIMEOUT: '500',
    WORKERS: 'auto',
  };
  const server = await startProcess([], env);
  expect(await server.exited()).toBe(1);
  expect(server.stderr).toContain('127.0.0.1:1');
});

it('that keep crashing are started again more and more slowly', () => {
  expect([1, 2, 3, 4, 20].map(restartDelayMs)).toEqual([0, 500, 1_000, 2_000, 30_000]);
});
