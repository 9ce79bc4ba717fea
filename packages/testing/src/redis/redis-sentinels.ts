import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../free-port.js';
import { Process } from '../process.js';
import { TemporaryFolder } from '../temporary-folder.js';
import { until } from '../until.js';
import { redisProgram } from './redis-program.js';
import { RedisServer } from './redis-server.js';

const SENTINELS = 3;
const REPLICAS = 2;
/** How long a master may be silent, milliseconds. */
const DOWN_AFTER_MS = 500;

/** A Redis with two replicas, and three Sentinels that make one of them the master if it is away. `await using` ends all. */
export class RedisSentinels implements AsyncDisposable {
  /** What the Sentinels call the master. */
  readonly name = 'events-master';
  /** The first of them is the master at first. */
  readonly servers: readonly RedisServer[];
  readonly #sentinels: readonly Sentinel[];

  private constructor(servers: readonly RedisServer[], sentinels: readonly Sentinel[]) {
    this.servers = servers;
    this.#sentinels = sentinels;
  }

  static async start(...options: string[]): Promise<RedisSentinels> {
    const started: (RedisServer | Sentinel)[] = [];
    const note = <T extends RedisServer | Sentinel>(each: T): T => {
      started.push(each);
      return each;
    };
    try {
      const master = note(await RedisServer.start('--repl-diskless-sync-delay', '0', ...options));
      const servers = [master];
      while (servers.length <= REPLICAS) servers.push(note(await master.startReplica(...options)));
      const sentinels: Sentinel[] = [];
      while (sentinels.length < SENTINELS)
        sentinels.push(note(await Sentinel.start('events-master', master)));
      await Promise.all(sentinels.map((each) => each.sees(REPLICAS, SENTINELS - 1)));
      return new RedisSentinels(servers, sentinels);
    } catch (error) {
      await Promise.all(started.map((each) => each.stop()));
      throw error;
    }
  }

  /** The addresses of the Sentinels, `host:port`. */
  get addresses(): string[] {
    return this.#sentinels.map(({ port }) => `127.0.0.1:${port}`);
  }

  get url(): string {
    return `redis+sentinel://${this.addresses.join(',')}/${this.name}`;
  }

  /** What the servers and the Sentinels have written, by their names. */
  get logs(): Record<string, string> {
    return Object.fromEntries([
      ...this.servers.map(({ port, output }) => [`redis-${port}`, output]),
      ...this.#sentinels.map(({ port, output }) => [`sentinel-${port}`, output]),
    ]);
  }

  /** The master as the Sentinels see it now. */
  async master(): Promise<RedisServer> {
    const [{ admin }] = this.#sentinels as [Sentinel];
    const [, port] = (await admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name)) as [string, string];
    const server = this.servers.find((each) => each.port === Number(port));
    if (server === undefined) throw new Error(`No server has port ${port}`);
    return server;
  }

  /** Has them make another server the master. */
  async failover(): Promise<void> {
    const [{ admin }] = this.#sentinels as [Sentinel];
    await admin.call('SENTINEL', 'FAILOVER', this.name);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sentinels, ...this.servers].map((each) => each.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

class Sentinel {
  readonly port: number;
  readonly admin: Redis;
  readonly #name: string;
  readonly #folder = new TemporaryFolder();
  readonly #process: Process;

  private constructor(port: number, name: string, master: RedisServer) {
    this.port = port;
    this.#name = name;
    const file = join(this.#folder.path, 'sentinel.conf');
    // It writes what it finds out to its file.
    writeFileSync(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${this.#folder.path}`,
        `sentinel monitor ${name} 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds ${name} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${name} 5000`,
        '',
      ].join('\n'),
    );
    this.#process = new Process(redisProgram().name, [file, '--sentinel']);
    this.admin = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
    this.admin.on('error', () => {});
  }

  static async start(name: string, master: RedisServer): Promise<Sentinel> {
    return new Sentinel(await freePort(), name, master);
  }

  get output(): string {
    return this.#process.output;
  }

  /** Resolves once it knows so many replicas and other Sentinels. */
  async sees(replicas: number, others: number): Promise<void> {
    await until('a Sentinel knows the others', async () => {
      if (this.#process.ended) throw new Error(`A Sentinel has ended: ${this.#process.output}`);
      const reply = (await this.admin.call('SENTINEL', 'MASTER', this.#name)) as string[];
      const value = (field: string) => Number(reply[reply.indexOf(field) + 1]);
      return value('num-slaves') === replicas && value('num-other-sentinels') === others;
    });
  }

  async stop(): Promise<void> {
    this.admin.disconnect();
    await this.#process.stop('SIGKILL');
    this.#folder.remove();
  }
}
