import { Agent } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Client } from '@ganomede/events-client';
import { expect, it, onTestFinished } from 'vitest';

/** A server that answers without a length, and resets the connection once the client has the answer. */
async function resetting(answer: string): Promise<Client> {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.write(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  class ResettingAgent extends Agent {
    override createConnection(...args: Parameters<Agent['createConnection']>) {
      const socket = super.createConnection(...args) as Socket;
      socket.once('data', () => accepted.at(-1)?.resetAndDestroy());
      return socket;
    }
  }
  const { port } = server.address() as AddressInfo;
  const client = new Client('test', {
    url: `http://127.0.0.1:${port}`,
    secret: 'secret',
    agent: new ResettingAgent(),
    sendTimeoutMs: 1_000,
  });
  onTestFinished(async () => {
    await client.close();
    server.close();
  });
  return client;
}

const event = { from: 'test', type: 'add' };

it('is what the server said, though it resets the connection behind its answer', async () => {
  const body = '{"code":"PayloadTooLarge","message":"too large"}';
  const client = await resetting(`HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\n${body}`);
  await expect(client.send('a', event)).rejects.toMatchObject({ code: 'PayloadTooLarge', statusCode: 413 });
});

it('is none if the reply may have been cut off', async () => {
  const client = await resetting('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"id":1,"timestamp":1}');
  await expect(client.send('a', event)).rejects.toMatchObject({ code: 'ReplyCut', maybeProcessed: true });
});
