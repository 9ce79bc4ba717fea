import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/**
 * A request that says neither how long its body is nor that it comes in pieces has none. With `optimizeEmptyRequests` its stream
 * has ended before anybody could listen: if it has a Content-Type all the same, who parses it would wait for ever.
 */
export const missingBodies = fp(async (fastify: FastifyInstance) => {
  fastify.addHook('preParsing', ({ headers }, _reply, payload, done) => {
    const isMissing = headers['content-type'] !== undefined && payload.readableEnded;
    done(null, isMissing ? Readable.from([]) : payload);
  });
});
