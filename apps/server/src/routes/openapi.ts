import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync } from 'fastify';

/** `GET /openapi.json`: the routes as OpenAPI 3.1. `GET /docs`: a page to read it, which needs nothing from elsewhere. */
export const openapi: FastifyPluginAsync = async (fastify) => {
  let text: string | undefined;
  fastify.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= JSON.stringify(fastify.swagger());
    return reply.header('content-type', 'application/json; charset=utf-8').send(text);
  });
  await fastify.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: fastify.prefix,
    uiConfig: { docExpansion: 'list', deepLinking: true, layout: 'BaseLayout' },
    theme: { title: 'Ganomede Events' },
  });
};
