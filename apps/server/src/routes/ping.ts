import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';

const Token = Type.Object({ token: Type.String({ title: 'token', description: 'any text' }) });

/** `GET` and `HEAD /ping/:token` */
export const ping: FastifyPluginAsyncTypebox = async (fastify) => {
  fastify.route({
    method: ['GET', 'HEAD'],
    url: '/ping/:token',
    schema: { params: Token, response: { 200: Type.String() } },
    handler: async (request, reply) => {
      reply.header('content-type', 'application/json; charset=utf-8');
      return JSON.stringify(`pong/${request.params.token}`);
    },
  });
};
