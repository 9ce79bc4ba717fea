// Redis Streams through ioredis.
import { Redis } from 'ioredis';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const redis = new Redis(port, '127.0.0.1');
  return {
    send: (channel, event) => redis.xadd(channel, '*', 'event', JSON.stringify(event)),
    close: async () => redis.disconnect(),
  };
}
