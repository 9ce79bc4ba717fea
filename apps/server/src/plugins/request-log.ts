import type { ErrorCode } from '@ganomede/events-protocol';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { pathOf } from './unknown-routes.js';

/**
 * One line per request: its path without the query, status, the code of its error, and time. Successes at `debug`,
 * refusals at `info`.
 */
export const requestLog = fp(async (fastify: FastifyInstance) => {
  fastify.decorateReply('eventsErrorCode', undefined);

  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('X-Request-Id', request.id);
    done();
  });

  fastify.addHook('onResponse', (request, reply, done) => {
    const level = reply.statusCode < 400 ? 'debug' : 'info';
    request.log[level](
      {
        method: request.method,
        path: pathOf(request.url),
        status: reply.statusCode,
        code: reply.eventsErrorCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        address: request.ip,
      },
      'request',
    );
    done();
  });
});

declare module 'fastify' {
  interface FastifyReply {
    /** Of the error that was answered; undefined if none was. */
    eventsErrorCode: ErrorCode | undefined;
  }
}
