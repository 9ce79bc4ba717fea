import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** How long a connection that was opened just before the stop may still bring its request, milliseconds. */
const GRACE_MS = 250;

/**
 * Connections that have not brought a request yet (a browser or a balancer opens some in advance) are no idle
 * ones to Node.js, so that a stopping server would wait for them. This closes them.
 */
export const unusedConnections = fp(async (fastify: FastifyInstance) => {
  const unused = new Set<Socket>();
  // One for all, as there may be tens of thousands of connections.
  function forget(this: Socket) {
    unused.delete(this);
  }
  fastify.server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.on('close', forget);
  });
  fastify.addHook('onRequest', ({ raw }, _reply, done) => {
    unused.delete(raw.socket);
    done();
  });
  fastify.addHook('preClose', async () => {
    setTimeout(() => {
      for (const socket of unused) socket.destroy();
    }, GRACE_MS).unref();
  });
});
