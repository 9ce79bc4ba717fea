// Our client.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@ganomede/events-client';
import { SECRET } from '../requests.mjs';
import { PAGE } from './index.mjs';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const client = new Client('bench', { url: `http://127.0.0.1:${port}`, secret: SECRET, limit: PAGE });
  return {
    send: (channel, event) => client.send(channel, event),
    sendBatch: (channel, events) => client.sendBatch(channel, events),
    listen: async (channels, receive, failed) => {
      client.on('error', failed);
      const handle = (/** @type {any} */ event) => receive(event);
      for (const channel of channels) client.on(channel, handle);
      // That all polls wait cannot be seen from here; what is sent before is received too.
      await sleep(500);
    },
    work: async (channel, concurrency, receive, failed) => {
      const worker = client.work(channel, { group: 'bench', concurrency }, (event) =>
        receive(/** @type {any} */ (event)),
      );
      worker.on('error', failed).on('failed', (_, error) => failed(error));
      // As above.
      await sleep(500);
    },
    close: () => client.close(),
  };
}
