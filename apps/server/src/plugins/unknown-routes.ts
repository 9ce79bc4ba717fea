import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Paths that do not exist are answered with 404, and methods that a path does not have with 405. */
export const unknownRoutes = fp(async (fastify: FastifyInstance) => {
  const methodsByUrl = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }) => {
    const methods = methodsByUrl.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    methodsByUrl.set(url, methods);
  });

  fastify.setNotFoundHandler(refuse);
  // Before the body is read, so that nothing about the body can come first.
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.is404) refuse(request);
    else done();
  });

  fastify.decorate('refuseOtherMethods', () => {
    for (const [url, methods] of [...methodsByUrl]) {
      const others = fastify.supportedMethods.filter((method) => !methods.has(method));
      const allow = [...methods].join(', ');
      fastify.route({
        url: url.slice(fastify.prefix.length),
        method: others,
        config: { access: 'open' },
        schema: { hide: true },
        onRequest: async (request, reply) => {
          reply.header('Allow', allow);
          throw new EventsError(
            'MethodNotAllowed',
            `${request.method} is not allowed here, expected one of: ${allow}`,
          );
        },
        handler: () => undefined,
      });
    }
  });
});

function refuse(request: FastifyRequest): never {
  throw new EventsError('ResourceNotFound', `${pathOf(request.url)} does not exist`);
}

/** The path of a URL: no query, so no secret. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers 405 for the methods that the routes registered so far do not have. Call it after them. */
    refuseOtherMethods(): void;
  }
}
