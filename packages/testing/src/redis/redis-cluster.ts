import calculateSlot from 'cluster-key-slot';
import { until } from '../until.js';
import { RedisServer } from './redis-server.js';

const SLOTS = 16_384;
const MASTERS = 3;

/** A real Redis Cluster of one's own: three masters with a replica each, on free ports. `await using` ends it. */
export class RedisCluster implements AsyncDisposable {
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  static async start(...options: string[]): Promise<RedisCluster> {
    const starting = Array.from({ length: 2 * MASTERS }, () =>
      RedisServer.start(
        ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'],
        // A replica that has just been made one may be promoted at once.
        ...['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'],
        ...options,
      ),
    );
    const started = await Promise.allSettled(starting);
    const cluster = new RedisCluster(
      started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])),
    );
    try {
      const failed = started.find((each) => each.status === 'rejected');
      if (failed) throw failed.reason;
      await cluster.#form();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** For `createRedisStore({ cluster })`. */
  get nodes(): string[] {
    return this.servers.map(({ port }) => `127.0.0.1:${port}`);
  }

  /** The server that has the slot of a key now, as another server sees it. */
  async masterOf(key: string): Promise<RedisServer> {
    const slot = calculateSlot(key);
    for (const server of this.servers) {
      if (!server.running) continue;
      const ranges = (await server.admin.cluster('SLOTS')) as unknown as [number, number, [string, number]][];
      const range = ranges.find(([from, to]) => from <= slot && slot <= to);
      const master = this.servers.find(({ port }) => port === range?.[2][1]);
      if (master) return master;
    }
    throw new Error(`No master has slot ${slot}`);
  }

  /** The replica of a master. */
  async replicaOf(master: RedisServer): Promise<RedisServer> {
    for (const server of this.servers) {
      if (server === master || !server.running) continue;
      const info = await server.admin.info('replication');
      if (info.includes('role:slave') && info.includes(`master_port:${master.port}`)) return server;
    }
    throw new Error(`No replica of ${master.port}`);
  }

  /** Takes a copy of all that its masters hold; what is returned starts all of it again with that copy. */
  async backUp(): Promise<() => Promise<void>> {
    await this.healthy();
    const restores = await Promise.all(this.servers.map((server) => server.backUp()));
    return async () => {
      await Promise.all(restores.map((restore) => restore()));
      await this.healthy();
    };
  }

  /** A running master other than the given one. */
  async otherMaster(than: RedisServer): Promise<RedisServer> {
    for (const server of this.servers) {
      if (server === than || !server.running) continue;
      if ((await server.admin.info('replication')).includes('role:master')) return server;
    }
    throw new Error('No other master');
  }

  /** Moves the slot of a key, with all that is in it, key by key. */
  async moveSlot(key: string, from: RedisServer, to: RedisServer): Promise<void> {
    const slot = calculateSlot(key);
    const [source, target] = await Promise.all([from, to].map(({ admin }) => admin.cluster('MYID')));
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(source));
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(target));
    for (;;) {
      const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 1)) as string[];
      if (keys.length === 0) break;
      await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
    }
    for (const { admin } of [to, from]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(target));
  }

  /** Resolves once every running server sees all slots served and every replica has its master's data. */
  async healthy(): Promise<void> {
    for (const server of this.servers) {
      if (!server.running) continue;
      await until(`${server.port} sees a healthy cluster`, async () => {
        const info = String(await server.admin.cluster('INFO'));
        const replication = await server.admin.info('replication');
        return (
          info.includes('cluster_state:ok') &&
          info.includes(`cluster_slots_ok:${SLOTS}`) &&
          !replication.includes('master_link_status:down')
        );
      });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #form(): Promise<void> {
    const [first] = this.servers;
    const ids = await Promise.all(this.servers.map(({ admin }) => admin.cluster('MYID') as Promise<string>));
    for (const [i, { admin }] of this.servers.entries()) {
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      if (i < MASTERS) {
        const [from, to] = [i, i + 1].map((n) => Math.floor((n * SLOTS) / MASTERS)) as [number, number];
        await admin.call('CLUSTER', 'ADDSLOTSRANGE', from, to - 1);
      }
      if (i > 0) await admin.cluster('MEET', '127.0.0.1', first?.port ?? 0);
    }
    for (const { admin } of this.servers) {
      await until('everybody has met', async () =>
        String(await admin.cluster('INFO')).includes(`cluster_known_nodes:${this.servers.length}`),
      );
    }
    for (const [i, { admin }] of this.servers.entries()) {
      const master = ids[i - MASTERS];
      if (master === undefined) continue;
      await until('a replica knows its master', async () =>
        String(await admin.cluster('NODES')).includes(master),
      );
      await admin.cluster('REPLICATE', master);
    }
    await this.healthy();
    for (const { admin } of this.servers.slice(0, MASTERS)) {
      await until('a master has its replica', async () =>
        (await admin.info('replication')).includes('state=online'),
      );
    }
  }
}
