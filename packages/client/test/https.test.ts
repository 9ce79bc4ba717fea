import { readFileSync } from 'node:fs';
import https from 'node:https';
import { expect, test } from 'vitest';
import { Client, type ClientOptions } from '../src/index.js';
import { events, HostileServer, json } from './hostile-server.js';
import { cleanUp, emitted } from './setup.js';

// A certificate for localhost that signs itself; its key protects nothing.
const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));
const cert = fixture('localhost-cert.pem');
const key = fixture('localhost-key.pem');

async function start() {
  const server = await HostileServer.start({ cert, key });
  cleanUp(() => server.stop());
  return server;
}

function clientWith(options: Omit<ClientOptions, 'secret'>): Client {
  const client = new Client('tester', { secret: 's3cret', ...options });
  cleanUp(() => client.close());
  return client;
}

test('sends and receives, with the agent that is given', async () => {
  const server = (await start()).script(json({ id: 1, timestamp: 2 }), events(1));
  const agent = new https.Agent({ ca: cert, keepAlive: true });
  cleanUp(() => agent.destroy());
  const client = clientWith({ url: `https://127.0.0.1:${server.port}`, agent });
  await client.send('a', { from: 'x', type: 'y' });
  const [event] = await emitted(client, 'a');
  expect(event).toMatchObject({ id: 1 });
  expect(server.connections).toBe(1);
});

test('a certificate that is not trusted is an error, and nothing is sent', async () => {
  const server = await start();
  const client = clientWith({ protocol: 'https', hostname: '127.0.0.1', port: server.port });
  const reported = emitted(client, 'error');
  client.on('a', () => {});
  const [error] = await reported;
  expect(error).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT', maybeProcessed: false });
  expect(server.requests).toEqual([]);
});
