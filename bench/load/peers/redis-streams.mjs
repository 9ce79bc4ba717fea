// Redis Streams through ioredis: a stream for each channel, one consumer of a group that reads all of them.
import { Redis } from 'ioredis';
import { PAGE } from './index.mjs';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const redis = new Redis(port, '127.0.0.1');
  /** @type {Redis | undefined} */
  let reader;
  return {
    send: (channel, event) => redis.xadd(channel, '*', 'event', JSON.stringify(event)),
    sendBatch: (channel, events) => {
      const pipeline = redis.pipeline();
      for (const event of events) pipeline.xadd(channel, '*', 'event', JSON.stringify(event));
      return pipeline.exec();
    },
    listen: async (channels, receive, failed) => {
      for (const channel of channels) await redis.xgroup('CREATE', channel, 'bench', '0', 'MKSTREAM');
      // What blocks has a connection of its own.
      reader = new Redis(port, '127.0.0.1');
      read(reader, channels, receive).catch((error) => redis.status === 'end' || failed(error));
    },
    close: async () => {
      redis.disconnect();
      reader?.disconnect();
    },
  };

  /** @param {Redis} blocking @param {string[]} channels @param {(event: any) => void} receive */
  async function read(blocking, channels, receive) {
    const streams = /** @type {const} */ (['STREAMS', ...channels, ...channels.map(() => '>')]);
    for (;;) {
      const pages = /** @type {[string, [string, string[]][]][] | null} */ (
        await blocking.xreadgroup('GROUP', 'bench', 'one', 'COUNT', PAGE, 'BLOCK', 10_000, ...streams)
      );
      for (const [channel, entries] of pages ?? []) {
        for (const [, [, text]] of entries) receive(JSON.parse(String(text)));
        redis.xack(channel, 'bench', ...entries.map(([id]) => id)).catch(() => {});
      }
    }
  }
}
