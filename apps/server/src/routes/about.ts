import { hostname } from 'node:os';
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import pkg from '../../package.json' with { type: 'json' };

const About = Type.Object({
  hostname: Type.String(),
  type: Type.String({ description: 'the kind of service' }),
  version: Type.String({ description: 'of the server' }),
  description: Type.String(),
  startDate: Type.String({ description: 'when the server started, ISO 8601' }),
});

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
