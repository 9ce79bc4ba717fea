import { createRequire } from 'node:module';
import { Process, type RedisServer, until } from '@ganomede/events-testing';
import { otherNode } from '../../scripts/other-node.mjs';

const program = createRequire(import.meta.url).resolve('ganomede-events');

/** Node.js of the time of the original, installed if need be. */
export const nodeOfOriginal = () => otherNode('16.20.2');

/** The original's server, `ganomede-events` from npm, once it listens on 127.0.0.1. */
export async function startOriginal({
  node,
  secret,
  port,
  redis,
}: {
  /** See `nodeOfOriginal`. */
  readonly node: string;
  readonly secret: string;
  readonly port: number;
  readonly redis: RedisServer;
}): Promise<Process> {
  const server = new Process(node, [program], {
    // Signals go to its workers too: they would outlive the one that has started them.
    terminal: true,
    env: {
      API_SECRET: secret,
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'ERROR',
      REDIS_EVENTS_PORT_6379_TCP_ADDR: '127.0.0.1',
      REDIS_EVENTS_PORT_6379_TCP_PORT: String(redis.port),
    },
  });
  const isUp = async () =>
    (await fetch(`http://127.0.0.1:${port}/events/v1/ping/x`).catch(() => undefined))?.ok;
  await until('it listens', async () => (await isUp()) === true);
  return server;
}
