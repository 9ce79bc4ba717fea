import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../free-port.js';
import { Process } from '../process.js';
import { TemporaryFolder } from '../temporary-folder.js';
import { until } from '../until.js';
import { redisProgram } from './redis-program.js';

/** A real Redis of one's own, on a free port, with its files in a folder that goes with it. `await using` ends it. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly #folder = new TemporaryFolder();
  readonly #options: readonly string[];
  #process: Process | undefined;
  #written = '';
  /** For commands of the test itself. */
  readonly admin: Redis;

  private constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#options = options;
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

  /** A replica of this one, once it has all that this one has. */
  async startReplica(...options: string[]): Promise<RedisServer> {
    const before = await this.#onlineReplicas();
    const replica = await RedisServer.start('--replicaof', '127.0.0.1', String(this.port), ...options);
    await until('the replica is online', async () => (await this.#onlineReplicas()) > before);
    return replica;
  }

  async #onlineReplicas(): Promise<number> {
    return (await this.admin.info('replication')).split('state=online').length - 1;
  }

  /** All that it has written, in all of its lives: warnings, or what `--loglevel` says. */
  get output(): string {
    return this.#written + (this.#process?.output ?? '');
  }

  get running(): boolean {
    return this.#process !== undefined && !this.#process.ended;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it again on its port and its files, and resolves once it answers. */
  async restart(...more: string[]): Promise<void> {
    const child = new Process(redisProgram().name, [
      ...['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder.path],
      ...['--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
      ...this.#options,
      ...more,
    ]);
    this.#written = this.output;
    this.#process = child;
    while (!(await this.#answers())) {
      if (child.ended) throw new Error(`redis-server has ended: ${child.output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Whether this server answers, and not another one that has the port. */
  async #answers(): Promise<boolean> {
    const probe = new Redis(this.port, '127.0.0.1', { lazyConnect: true, retryStrategy: null });
    probe.on('error', () => {});
    try {
      await probe.connect();
      const [info] = await Promise.all([probe.info('server'), probe.ping()]);
      return info.includes(`process_id:${this.pid}\r\n`);
    } catch {
      return false;
    } finally {
      probe.disconnect();
    }
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL');
  }

  /** Takes a copy of all that it holds; what is returned starts it again with that copy, as the restore of a backup does. */
  async backUp(): Promise<() => Promise<void>> {
    await this.admin.save();
    const dump = readFileSync(join(this.#folder.path, 'dump.rdb'));
    return async () => {
      await this.kill();
      writeFileSync(join(this.#folder.path, 'dump.rdb'), dump);
      await this.restart();
    };
  }

  /** Stops the process in its tracks: connections stay, nothing is answered. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Copies its files as they are now, as a backup of a running server does. */
  copyFiles(to: string): void {
    cpSync(this.#folder.path, to, { recursive: true });
  }

  /** Ends it as a crash does, and starts it again on these files, or on none: as a backup is restored. */
  async restartWith(files?: string): Promise<void> {
    await this.kill();
    for (const name of readdirSync(this.#folder.path)) {
      rmSync(join(this.#folder.path, name), { recursive: true });
    }
    if (files !== undefined) cpSync(files, this.#folder.path, { recursive: true });
    await this.restart();
  }

  /** Ends it and removes its files. */
  async stop(): Promise<void> {
    this.admin.disconnect();
    await this.kill();
    this.#folder.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
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
