import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync } from 'fastify';
import { sendJson } from '../answers/json.js';

/** `GET /openapi.json`: the routes as OpenAPI 3.1. `GET /docs`: a page to read it, which needs nothing from elsewhere. */
export const openapi: FastifyPluginAsync = async (fastify) => {
  // Those of the page come from a plugin that knows nothing of access.
  fastify.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'open' };
  });
  let text: string | undefined;
  fastify.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= JSON.stringify(fastify.swagger());
    return sendJson(reply, text);
  });
  await fastify.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: fastify.prefix,
    uiConfig: { docExpansion: 'list', deepLinking: true, layout: 'BaseLayout' },
    theme: { title: 'Ganomede Events' },
  });
};
