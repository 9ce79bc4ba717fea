import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** How long a connection that was opened just before the stop may still bring its request, milliseconds. */
const GRACE_MS = 250;
/** Those that have closed meanwhile are let go of when there are so many, or twice as many as were left the last time. */
const LEAST_SWEEP = 1_000;

/**
 * Connections that have not brought a request yet (a browser or a balancer opens some in advance) are no idle
 * ones to Node.js, so that a stopping server would wait for them. This closes them.
 */
export const unusedConnections = fp(async (fastify: FastifyInstance) => {
  const unused = new Set<Socket>();
  let sweepAt = LEAST_SWEEP;
  fastify.server.on('connection', (socket: Socket) => {
    // Not when each of them closes: one more listener takes 200 bytes for as long as the connection lives.
    if (unused.size >= sweepAt) {
      for (const other of unused) if (other.destroyed) unused.delete(other);
      sweepAt = Math.max(2 * unused.size, LEAST_SWEEP);
    }
    unused.add(socket);
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
