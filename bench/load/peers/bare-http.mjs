// What HTTP alone allows: Node.js's own client, one request an event, to an app that answers at once. It only sends.
import { Agent, request } from 'node:http';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const agent = new Agent({ keepAlive: true });
  const options = { agent, host: '127.0.0.1', port, path: '/events/v1/events', method: 'POST' };
  /** @returns {Promise<never>} */
  const unable = () => Promise.reject(new Error('Bare HTTP only sends'));
  return {
    send: (channel, event) => {
      const body = JSON.stringify({ clientId: 'bench', channel, ...event });
      const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
      return new Promise((resolve, reject) => {
        const sent = request({ ...options, headers }, (response) => {
          response.resume().once('end', resolve).once('error', reject);
        });
        sent.once('error', reject).end(body);
      });
    },
    sendBatch: unable,
    listen: unable,
    close: async () => agent.destroy(),
  };
}
