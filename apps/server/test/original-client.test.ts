import { createRequire } from 'node:module';
import type { Event, EventHeader } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';
import { randomChannel, SECRET, startServer } from './support/server.js';

interface OriginalClient {
  on(channel: string, handler: (event: Event) => void): void;
  removeListener(channel: string, handler: (event: Event) => void): void;
  once(event: 'drain', handler: () => void): void;
  send(channel: string, event: object, callback: (error: Error | null, header: EventHeader) => void): void;
}

/** `ganomede-events` from npm. It reads the whole environment of its server when it is loaded. */
function originalClient(clientId: string, port: number): OriginalClient {
  process.env.API_SECRET ??= 'not used by the client';
  const { Client } = createRequire(import.meta.url)('ganomede-events') as {
    Client: new (clientId: string, options: object) => OriginalClient;
  };
  return new Client(clientId, { secret: SECRET, protocol: 'http', hostname: '127.0.0.1', port });
}

it('ganomede-events@1.5.3 sends to and receives from this server, unchanged', async () => {
  const server = await startServer({ pollTimeoutMs: 300 });
  const channel = randomChannel();
  const client = originalClient('original', server.port);
  client.on('error', (error: unknown) => {
    throw error;
  });
  const received: Event[] = [];
  const handler = (event: Event) => void received.push(event);
  client.on(channel, handler);

  const headers: EventHeader[] = [];
  for (let n = 0; n < 20; n++) {
    headers.push(
      await new Promise((resolve, reject) => {
        client.send(channel, { from: 'test', type: 'add', data: { n } }, (error, header) =>
          error ? reject(error) : resolve(header),
        );
      }),
    );
  }
  await expect.poll(() => received.length).toBe(20);
  expect(received).toEqual(
    headers.map((header, n) => ({ ...header, from: 'test', type: 'add', data: { n } })),
  );

  const drained = new Promise<void>((resolve) => client.once('drain', resolve));
  client.removeListener(channel, handler);
  await drained;
});
