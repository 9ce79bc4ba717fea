// BullMQ: a queue for each channel, and a worker for each queue, one job at a time so that they come in their order.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const connection = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
  connection.setMaxListeners(0);
  /** @type {Map<string, Queue>} */
  const queues = new Map();
  /** @type {Worker[]} */
  const workers = [];
  const queueOf = (/** @type {string} */ channel) => {
    const known = queues.get(channel);
    if (known) return known;
    const queue = new Queue(channel, { connection });
    queues.set(channel, queue);
    return queue;
  };
  /** @param {string} channel @param {number} concurrency @param {(event: any) => void} receive @param {(error: unknown) => void} failed */
  const work = async (channel, concurrency, receive, failed) => {
    const worker = new Worker(channel, async ({ data }) => receive(data), {
      connection,
      concurrency,
      removeOnComplete: { count: 0 },
    });
    worker.on('error', failed);
    workers.push(worker);
    await worker.waitUntilReady();
  };
  return {
    send: (channel, event) => queueOf(channel).add(event.type, event),
    sendBatch: (channel, events) =>
      queueOf(channel).addBulk(events.map((event) => ({ name: event.type, data: event }))),
    listen: async (channels, receive, failed) => {
      await Promise.all(channels.map((channel) => work(channel, 1, receive, failed)));
    },
    work,
    close: async () => {
      await Promise.all([...workers, ...queues.values()].map((each) => each.close()));
      connection.disconnect();
    },
  };
}
