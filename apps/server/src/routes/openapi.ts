import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync } from 'fastify';
import { sendJson } from '../answers/json.js';
import { asyncapi } from './asyncapi.js';

/** What the page may load, and from where: from this server alone. Its icons are in its style sheet. */
const CONTENT_SECURITY_POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/**
 * `GET /openapi.json`: the routes as OpenAPI 3.1. `GET /docs`: a page to read it, which needs nothing from elsewhere.
 * `GET /asyncapi.json` is beside them.
 */
export const openapi: FastifyPluginAsync = async (fastify) => {
  // Those of the page come from a plugin that knows nothing of access.
  fastify.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'open' };
  });
  fastify.addHook('onSend', async (_request, reply) => {
    reply.header('X-Content-Type-Options', 'nosniff');
  });
  let text: string | undefined;
  fastify.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= JSON.stringify(fastify.swagger());
    return sendJson(reply, text);
  });
  await fastify.register(asyncapi);
  await fastify.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: fastify.prefix,
    uiConfig: { docExpansion: 'list', deepLinking: true, layout: 'BaseLayout' },
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: { title: 'Ganomede Events' },
  });
};
