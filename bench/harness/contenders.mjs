// Who is measured, and how it is started.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { freePort, Process, TemporaryFolder } from '@ganomede/events-testing';
import { otherNode } from '../../scripts/other-node.mjs';
import { run } from '../../scripts/run.mjs';
import { StepFailed } from '../../scripts/step.mjs';
import { root } from '../../scripts/workspace.mjs';
import { SECRET } from '../load/requests.mjs';
import { listening } from './listening.mjs';

/**
 * @typedef {import('./redis.mjs').MeasuredRedis} RedisServer
 *
 * @typedef {object} Server
 * @property {number} port
 * @property {number} pid
 * @property {Process} [child]  not there: somebody else's
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} Contender
 * @property {string} name
 * @property {import('../load/requests.mjs').Dialect} dialect
 * @property {() => Promise<Server>} start  rejects with `Missing` where it is not on this machine
 */

/** A contender that this machine does not have. */
export class Missing extends Error {}

const require = createRequire(import.meta.url);
const NODE_16 = '16.20.2';

/**
 * The built server, by its bin.
 *
 * @param {RedisServer | undefined} redis  undefined: embedded
 * @param {{ name?: string, env?: Record<string, string>, nodeOptions?: string[] }} [options]
 * @returns {Contender}
 */
export function ours(redis, { name, env, nodeOptions = [] } = {}) {
  const bin = join(root, 'apps', 'server', 'dist', 'bin.js');
  return {
    name: name ?? (redis ? 'ours, Redis' : 'ours, embedded'),
    dialect: 'ours',
    start: async () => {
      const folder = new TemporaryFolder();
      const store = redis
        ? { EVENTS_STORE: 'redis', REDIS_URL: `redis://127.0.0.1:${redis.port}` }
        : { EVENTS_STORE: 'embedded', DATA_DIR: folder.path };
      const common = {
        API_SECRET: SECRET,
        NODE_ENV: 'production',
        POLL_TIMEOUT: '600000',
        HOST: '127.0.0.1',
      };
      await redis?.command('FLUSHALL');
      const server = await serve(process.execPath, [...nodeOptions, bin], { ...common, ...store, ...env });
      return {
        ...server,
        stop: async () => {
          await server.stop();
          folder.remove();
        },
      };
    },
  };
}

/** Our routes without a store: they only publish. @returns {Contender} */
export const withoutStore = () => ({
  name: 'ours, no store',
  dialect: 'ours',
  start: () =>
    serve(process.execPath, (port) => [join(root, 'bench', 'no-store-server.mjs'), String(port)], {
      NODE_ENV: 'production',
    }),
});

/**
 * A bare Fastify app.
 *
 * @param {'bytes' | 'copies' | 'park'} reads  what it does when it is read from
 * @param {{ name?: string, nodeOptions?: string[] }} [options]
 * @returns {Contender}
 */
export const limit = (reads, { name = 'limit', nodeOptions = [] } = {}) => ({
  name,
  dialect: 'ours',
  start: () =>
    serve(
      process.execPath,
      (port) => [...nodeOptions, join(root, 'bench', 'limit-server.mjs'), String(port), reads],
      { NODE_ENV: 'production' },
    ),
});

/** ganomede-events@1.5.3 under Node 16. @param {RedisServer} redis @returns {Contender} */
export const original = (redis) => ({
  name: 'original',
  dialect: 'original',
  start: async () => {
    const node = await node16();
    await redis.command('FLUSHALL');
    return startOriginal(node, redis);
  },
});

/** Without emptying Redis before. @param {string} node @param {RedisServer} redis */
export const startOriginal = (node, redis) =>
  serve(node, [require.resolve('ganomede-events')], {
    API_SECRET: SECRET,
    NODE_ENV: 'production',
    LOG_LEVEL: 'ERROR',
    HOST: '127.0.0.1',
    REDIS_EVENTS_PORT_6379_TCP_ADDR: '127.0.0.1',
    REDIS_EVENTS_PORT_6379_TCP_PORT: String(redis.port),
  });

/** nginx with nchan. @param {RedisServer} [redis]  not given: in memory @returns {Contender} */
export const nchan = (redis) => ({
  name: redis ? 'nchan, Redis' : 'nchan, memory',
  dialect: 'nchan',
  start: async () => {
    const module = await nchanModule();
    const port = await freePort();
    const folder = new TemporaryFolder();
    const file = join(folder.path, 'nginx.conf');
    writeFileSync(file, nginxConf(module, port, folder.path, redis));
    await redis?.command('FLUSHALL');
    const child = new Process('nginx', ['-c', file, '-p', folder.path, '-e', join(folder.path, 'error.log')]);
    try {
      await listening(child, port);
    } catch (error) {
      throw new Missing(`nginx does not start: ${error instanceof Error ? error.message : error}`);
    }
    return {
      port,
      pid: child.pid,
      child,
      stop: async () => {
        await child.end();
        folder.remove();
      },
    };
  },
});

/**
 * A server that is used through its own client.
 *
 * @typedef {object} PeerContender
 * @property {string} name
 * @property {import('../load/peers/index.mjs').PeerName} peer
 * @property {RedisServer | undefined} [redis]  that it keeps its events in
 * @property {() => Promise<Server>} start  rejects with `Missing` where it is not on this machine
 */

/** @param {RedisServer} [redis]  not given: embedded @returns {PeerContender} */
export const oursThroughClient = (redis) => ({ ...ours(redis), peer: 'ours', redis });

/** What sending over HTTP costs by itself. @returns {PeerContender} */
export const bareHttp = () => ({ ...limit('bytes', { name: 'bare HTTP' }), peer: 'bare-http' });

/** Debian's nats-server with JetStream, its streams in files. @returns {PeerContender} */
export const jetStream = () => ({
  name: 'JetStream',
  peer: 'jetstream',
  start: async () => {
    if (!(await natsVersion()))
      throw new Missing('nats-server is not installed (Debian: apt-get install nats-server)');
    const folder = new TemporaryFolder();
    const server = await serve('nats-server', (port) => [
      ...['--addr', '127.0.0.1', '--port', String(port)],
      ...['--jetstream', '--store_dir', folder.path],
    ]);
    return {
      ...server,
      stop: async () => {
        await server.stop();
        folder.remove();
      },
    };
  },
});

/** Redis itself, by a client of its own. @param {string} name @param {'bullmq' | 'redis-streams'} peer @param {RedisServer} redis @returns {PeerContender} */
export const onRedis = (name, peer, redis) => ({
  name,
  peer,
  start: async () => {
    await redis.command('FLUSHALL');
    return { port: redis.port, pid: redis.pid, stop: async () => {} };
  },
});

async function natsVersion() {
  const { output } = await run(['nats-server', '--version']);
  return /v([\d.]+)/.exec(output)?.[1];
}

/**
 * @param {string} file
 * @param {string[] | ((port: number) => string[])} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<Server>}
 */
async function serve(file, args, env = {}) {
  const port = await freePort();
  const child = new Process(file, typeof args === 'function' ? args(port) : args, {
    env: { ...env, PORT: String(port) },
  });
  await listening(child, port);
  return { port, pid: child.pid, child, stop: () => child.end() };
}

/** Node 16, which the original needs. @throws Missing */
export async function node16() {
  try {
    return await otherNode(NODE_16);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    throw new Missing(`npm cannot install node@${NODE_16} here`);
  }
}

/** @returns {Promise<string>} the file of the module @throws Missing */
async function nchanModule() {
  const { ok, output } = await run(['nginx', '-V']);
  if (!ok) throw new Missing('nginx is not installed (Debian: apt-get install nginx libnginx-mod-nchan)');
  const folders = [
    /--modules-path=(\S+)/.exec(output)?.[1],
    '/usr/lib/nginx/modules',
    '/usr/lib64/nginx/modules',
  ];
  const found = folders.map((folder) => join(folder ?? '', 'ngx_nchan_module.so')).find(existsSync);
  if (found === undefined)
    throw new Missing('the nchan module is not installed (Debian: libnginx-mod-nchan)');
  return found;
}

/** The versions of what is there. */
export async function versions() {
  const nginx = /nginx\/(\S+)/.exec((await run(['nginx', '-v'])).output)?.[1];
  const { output } = await run(['dpkg-query', '-W', 'libnginx-mod-nchan']);
  const nchanVersion = /libnginx-mod-nchan\s+(\S+)/.exec(output)?.[1] ?? 'of unknown version';
  const { version } = JSON.parse(
    readFileSync(join(dirname(require.resolve('fastify')), 'package.json'), 'utf8'),
  );
  const nats = await natsVersion();
  const clients = ['@nats-io/jetstream', 'bullmq', 'ioredis'].map(
    (name) => `${name} ${JSON.parse(readFileSync(packageFile(name), 'utf8')).version}`,
  );
  return {
    fastify: version,
    peers: `${clients.join(', ')}; nats-server ${nats ?? 'not installed'}`,
    original: `ganomede-events 1.5.3 on Node.js ${NODE_16}`,
    nginx: nginx === undefined ? 'not installed' : `${nginx}, nchan ${nchanVersion}`,
  };
}

/** Some packages do not let it be resolved. @param {string} name */
const packageFile = (name) => new URL(`../node_modules/${name}/package.json`, import.meta.url);

/** One worker, as ours is one process; messages are kept. */
const nginxConf = (
  /** @type {string} */ module,
  /** @type {number} */ port,
  /** @type {string} */ folder,
  /** @type {RedisServer | undefined} */ redis,
) => `
${process.getuid?.() === 0 ? 'user root;' : ''}
load_module ${module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections 16000; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  nchan_shared_memory_size 1024M;
  nchan_message_buffer_length 1000000;
  nchan_message_timeout 1h;
  ${redis ? `upstream redis { nchan_redis_server redis://127.0.0.1:${redis.port}; }` : ''}
  server {
    listen 127.0.0.1:${port};
    location ~ ^/pub/(.+)$ { nchan_publisher http; nchan_channel_id $1; ${redis ? 'nchan_redis_pass redis;' : ''} }
    location ~ ^/sub/(.+)$ { nchan_subscriber longpoll; nchan_channel_id $1; ${redis ? 'nchan_redis_pass redis;' : ''} }
  }
}
`;
