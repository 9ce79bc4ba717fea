import { hostname } from 'node:os';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { About } from '@ganomede/events-protocol/schemas';
import pkg from '../../package.json' with { type: 'json' };

/** `GET /about` */
export const about: FastifyPluginAsyncTypebox = async (fastify) => {
  const reply = {
    hostname: hostname(),
    type: 'ganomede-events',
    version: pkg.version,
    description: pkg.description,
    startDate: new Date().toISOString(),
  };
  fastify.get(
    '/about',
    {
      config: { access: 'open' },
      schema: {
        operationId: 'about',
        summary: 'What the server is',
        tags: ['server'],
        response: { 200: About },
      },
    },
    async () => reply,
  );
};
