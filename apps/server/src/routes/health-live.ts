import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';

const schema = {
  operationId: 'live',
  summary: 'The process answers',
  tags: ['operations'],
  response: { 200: Type.Object({ status: Type.Literal('live') }) },
};

/** `GET /health/live` */
export const healthLive: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.get('/health/live', { config: { access: 'open' }, schema }, async () => ({
    status: 'live' as const,
  }));
};
