// BullMQ: a queue for each channel, and a worker for each queue.
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const connection = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
  /** @type {Map<string, Queue>} */
  const queues = new Map();
  const queueOf = (/** @type {string} */ channel) => {
    const known = queues.get(channel);
    if (known) return known;
    const queue = new Queue(channel, { connection });
    queues.set(channel, queue);
    return queue;
  };
  return {
    send: (channel, event) => queueOf(channel).add(event.type, event),
    close: async () => {
      for (const queue of queues.values()) await queue.close();
      connection.disconnect();
    },
  };
}
