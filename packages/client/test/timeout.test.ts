import http from 'node:http';
import { expect, test } from 'vitest';
import type { RequestError } from '../src/index.js';
import { events, hang, type Reply } from './hostile-server.js';
import { clientOf, emitted, recordOf, startServer } from './setup.js';

const trickle: Reply = ({ response, socket }) => {
  response.writeHead(200);
  const timer = setInterval(() => response.write(' '), 5);
  socket.on('close', () => clearInterval(timer));
};

test.each([
  ['says nothing', hang, undefined],
  ['never stops talking', trickle, 200],
])('a server that %s is given up, reported, and asked again', async (_what, reply, statusCode) => {
  const server = (await startServer()).script(reply, events(1));
  const client = clientOf(server, { pollTimeoutMs: 200, pollGraceMs: 100 });
  const record = recordOf(client);
  const reported = emitted(client, 'error');
  const event = emitted(client, 'a');
  const [error] = (await reported) as [RequestError];
  expect(error).toMatchObject({ code: 'Timeout', statusCode });
  expect(error.message).toContain('no complete reply within 300 ms');
  expect((await server.request(1)).query.get('timeout')).toBe('200');
  await event;
  expect(record.slice(0, 2)).toEqual(['error Timeout a', 'cycle saved-saved a']);
});

test('the time in the queue of the agent counts', async () => {
  const server = await startServer();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const client = clientOf(server, { agent, sendTimeoutMs: 30 });
  client.on('a', () => {});
  await server.request(1);
  await expect(client.send('b', { from: 'x', type: 'y' })).rejects.toMatchObject({
    code: 'Timeout',
    maybeProcessed: false,
  });
  await client.close();
  agent.destroy();
});
