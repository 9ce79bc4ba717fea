import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { until } from './until.js';

/** The server on this machine: Redis 7 or newer, or Valkey. */
function serverBinary(): string {
  const found = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0);
  if (found === undefined)
    throw new Error('These tests need redis-server 7 or newer, or valkey-server, on the PATH');
  return found;
}

/** Ends a server when this process has ended, however that was: the pipe to the reaper closes. */
function reap(child: ChildProcess): void {
  const script = 'cat > /dev/null; kill -9 "$0" 2> /dev/null';
  const reaper = spawn('sh', ['-c', script, String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  reaper.unref();
  child.once('exit', () => {
    reaper.kill('SIGKILL');
    reaper.stdin?.destroy();
  });
}

/** A port that nobody listens on. With `bus` the one 10,000 above is free too: nodes of a cluster use both. */
export async function freePort({ bus = false } = {}): Promise<number> {
  for (;;) {
    // Below the range from which the system gives ports to outgoing connections.
    const port = 10_000 + Math.floor(Math.random() * 12_000);
    if ((await isFree(port)) && (!bus || (await isFree(port + 10_000)))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** A real Redis of a test's own, on a free port, with its files in a folder that goes with it. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  readonly #options: readonly string[];
  #child: ChildProcess | undefined;
  /** For commands of the test itself. */
  readonly admin: Redis;

  private constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), 'ganomede-events-redis-'));
    this.admin = new Redis(port, '127.0.0.1', {
      lazyConnect: true,
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    });
    this.admin.on('error', () => {});
  }

  /** A cluster of one server. */
  static async startCluster(): Promise<RedisServer> {
    const server = await RedisServer.start('--cluster-enabled', 'yes');
    await server.admin.cluster('ADDSLOTSRANGE', 0, 16_383);
    await until('it serves', async () => (await server.admin.cluster('INFO')).includes('cluster_state:ok'));
    return server;
  }

  /** `options` as on the command line of redis-server. */
  static async start(...options: string[]): Promise<RedisServer> {
    const bus = options.includes('--cluster-enabled');
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(await freePort({ bus }), options);
      try {
        await server.restart();
        return server;
      } catch (error) {
        await server.stop();
        // Somebody else took the port meanwhile, or that of the bus.
        if (attempt === 10 || !String(error).includes('Address already in use')) throw error;
      }
    }
  }

  get running(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts it again on its port and its files, and resolves once it answers. */
  async restart(...more: string[]): Promise<void> {
    const child = spawn(
      serverBinary(),
      [
        ...['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder],
        ...['--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
        ...this.#options,
        ...more,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    reap(child);
    let output = '';
    child.stdout?.on('data', (text: Buffer) => {
      output += text;
    });
    let ended = false;
    child.on('exit', () => {
      ended = true;
    });
    for (;;) {
      const probe = new Redis(this.port, '127.0.0.1', { lazyConnect: true, retryStrategy: null });
      probe.on('error', () => {});
      const answered = await probe
        .connect()
        .then(() => Promise.all([probe.info('server'), probe.ping()]))
        .then(
          // Not another one that has the port.
          ([info]) => info.includes(`process_id:${child.pid}\r\n`),
          () => false,
        );
      probe.disconnect();
      if (answered) return;
      if (ended) throw new Error(`redis-server has ended: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Stops the process in its tracks: connections stay, nothing is answered. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it and removes its files. */
  async stop(): Promise<void> {
    this.admin.disconnect();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** How often each command was run since the last `config resetstat`. */
  async commandCounts(): Promise<Map<string, number>> {
    const info = await this.admin.info('commandstats');
    return new Map(
      [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [
        name ?? '',
        Number(calls),
      ]),
    );
  }
}
