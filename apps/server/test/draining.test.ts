import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { RedisServer, RestartableServer, type ServerProcess } from '@ganomede/events-testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProcess } from './support/process.js';
import { BEARER, SECRET } from './support/server.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** One request, which is not tried again. */
function ask(url: string, { body, ...options }: RequestOptions & { body?: object } = {}): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = { ...BEARER, ...(text && { 'Content-Type': 'application/json' }) };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: text ? 'POST' : 'GET', headers, ...options }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        answer += chunk;
      });
      response.once('error', reject);
      response.once('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(answer) });
      });
    });
    outgoing.once('error', reject);
    outgoing.end(text);
  });
}

const EVENT = { clientId: 'c', channel: 'draining', from: 'f', type: 't' };
const POLL = '/events/v1/events?clientId=c&channel=draining';

function keptAlive(): Agent {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return agent;
}

const start = (drainMs: number): ServerProcess =>
  startProcess([], { API_SECRET: SECRET, DRAIN_MS: `${drainMs}` });

/** The server is not ready any more. */
async function draining(url: string): Promise<void> {
  await expect.poll(async () => (await ask(`${url}/health/ready`, { agent: false })).status).toBe(503);
}

/** A poll that certainly waits at the server: its connection is older than one that has been answered. */
async function waitingPoll(url: string, agent: Agent): Promise<Promise<Answer>[]> {
  const polls = [ask(url + POLL, { agent })];
  await ask(`${url}/about`, { agent: false });
  return polls;
}

const AN_HOUR_MS = 3_600_000;

describe('a server that SIGTERM stops', () => {
  it('is not ready but answers, and each answer ends its connection; a second signal ends it at once', async () => {
    const server = start(AN_HOUR_MS);
    const url = await server.listening();
    const agent = keptAlive();
    expect((await ask(`${url}/about`, { agent })).headers.connection).toBe('keep-alive');
    const [poll] = await waitingPoll(url, keptAlive());
    server.child.kill('SIGTERM');
    await draining(url);

    // On the connection that was kept alive, then on a new one.
    for (const id of [1, 2]) {
      const published = await ask(`${url}/events/v1/events`, { agent, body: EVENT });
      expect(published).toMatchObject({ status: 200, headers: { connection: 'close' }, body: { id } });
    }
    // A poll that waited then got its event, and its connection ends too.
    expect(await poll).toMatchObject({
      status: 200,
      headers: { connection: 'close' },
      body: [{ id: 1 }],
    });
    // Later than what would be the same keypress, passed on twice.
    await new Promise((resolve) => setTimeout(resolve, 400));
    server.child.kill('SIGTERM');
    expect(await server.exited()).toBe(1);
    expect(server.log.at(-1)).toMatchObject({ msg: 'exiting at once: second SIGTERM' });
  });

  it('answers the polls that still wait when the time is over, and closes what is idle', async () => {
    const server = start(300);
    const url = await server.listening();
    await ask(`${url}/about`, { agent: keptAlive() });
    const [poll] = await waitingPoll(url, keptAlive());
    server.child.kill('SIGTERM');
    expect(await poll).toMatchObject({ status: 200, headers: { connection: 'close' }, body: [] });
    expect(await server.exited()).toBe(0);
    expect(server.log.map(({ msg }) => msg)).toContain('stopped');
  });
});

/** What makes a server throw an error that nobody catches when it gets SIGUSR2. */
const THROWING = `process.on('SIGUSR2', () => { throw new Error('nobody catches this') })`;

describe('an error that nobody caught ends a server with 1', () => {
  const startThrowing = () =>
    startProcess([], {
      API_SECRET: SECRET,
      DRAIN_MS: `${AN_HOUR_MS}`,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(THROWING)}`,
    });

  it('while it runs', async () => {
    const server = startThrowing();
    await server.listening();
    server.child.kill('SIGUSR2');
    expect(await server.exited()).toBe(1);
    expect(server.log.map(({ msg }) => msg)).toContain('stopped');
  });

  it('while it drains, which it does no longer then', async () => {
    const server = startThrowing();
    const url = await server.listening();
    const [poll] = await waitingPoll(url, keptAlive());
    server.child.kill('SIGTERM');
    await draining(url);
    server.child.kill('SIGUSR2');
    expect(await poll).toMatchObject({ status: 200, body: [] });
    expect(await server.exited()).toBe(1);
    expect(server.log.map(({ msg }) => msg)).toContain('stopped');
  });
});

it('SIGINT, as from a keyboard, does not drain', async () => {
  const server = start(AN_HOUR_MS);
  await server.listening();
  server.child.kill('SIGINT');
  expect(await server.exited()).toBe(0);
});

it('workers drain too', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const server = startProcess([], {
    API_SECRET: SECRET,
    EVENTS_STORE: 'redis',
    REDIS_URL: redis.url,
    WORKERS: '2',
    DRAIN_MS: '500',
  });
  const url = await server.listening();
  await expect.poll(() => server.log.filter(({ msg }) => msg === 'listening').length).toBe(2);
  server.child.kill('SIGTERM');
  await draining(url);
  expect(await server.exited()).toBe(0);
  expect(server.log.filter(({ msg }) => msg === 'stopped')).toHaveLength(3);
});

/**
 * What lies before several servers: it sends to those in turn that were ready when it last asked, over connections that
 * it keeps, and tries nothing again.
 */
class ReadyServers {
  readonly #urls: readonly string[];
  #ready: string[];
  #turn = 0;
  #asking = true;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
    this.#ready = [...urls];
  }

  get next(): string {
    this.#turn += 1;
    return this.#ready[this.#turn % this.#ready.length] as string;
  }

  /** Asks again and again, until `stop`. */
  async watch(): Promise<void> {
    while (this.#asking) {
      const answers = await Promise.allSettled(
        this.#urls.map((url) => ask(`${url}/health/ready`, { agent: false })),
      );
      this.#ready = this.#urls.filter((_, i) => {
        const answer = answers[i];
        return answer?.status === 'fulfilled' && answer.value.status === 200;
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Resolves once a server is known as ready, or as not ready. */
  async knows(url: string, ready: boolean): Promise<void> {
    await expect.poll(() => this.#ready.includes(url), { interval: 5 }).toBe(ready);
  }

  stop(): void {
    this.#asking = false;
  }
}

const CONNECTIONS = 16;

it('rolling restarts behind connections in use: no request fails, none is tried again', async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const env = { API_SECRET: SECRET, EVENTS_STORE: 'redis', REDIS_URL: redis.url, DRAIN_MS: '1500' };
  await using one = await RestartableServer.start(env);
  await using two = await RestartableServer.start(env);
  const servers = [one, two];
  const ready = new ReadyServers(servers.map(({ url }) => url));
  const watching = ready.watch();
  const failures: unknown[] = [];
  let answered = 0;
  let stopped = false;
  const connections = Array.from({ length: CONNECTIONS }, async (_, n) => {
    const agent = new Agent({ keepAlive: true });
    while (!stopped) {
      // Most publish; some wait on a channel where nothing happens.
      const path = n % 4 === 0 ? `${POLL}-quiet&timeout=5000` : '/events/v1/events';
      try {
        const { status } = await ask(ready.next + path, { agent, ...(n % 4 > 0 && { body: EVENT }) });
        if (status === 200) answered += 1;
        else failures.push(status);
      } catch (error) {
        failures.push(error);
      }
    }
    agent.destroy();
  });
  const more = async (count: number) => {
    const enough = answered + count;
    await expect.poll(() => answered, { interval: 5 }).toBeGreaterThanOrEqual(enough);
  };

  for (let round = 0; round < 2; round += 1) {
    for (const server of servers) {
      await more(200);
      const exited = server.stop('SIGTERM');
      await ready.knows(server.url, false);
      expect(await exited).toBe(0);
      await more(200);
      await server.start();
      await ready.knows(server.url, true);
    }
  }
  await more(200);
  stopped = true;
  await Promise.all(connections);
  ready.stop();
  await watching;
  expect(failures).toEqual([]);
}, 60_000);
