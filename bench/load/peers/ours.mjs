// Our client.
import { Client } from '@ganomede/events-client';
import { SECRET } from '../requests.mjs';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const client = new Client('bench', { url: `http://127.0.0.1:${port}`, secret: SECRET });
  return {
    send: (channel, event) => client.send(channel, event),
    close: () => client.close(),
  };
}
