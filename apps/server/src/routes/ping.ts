import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import { sendJson } from '../answers/json.js';

const Token = Type.Object({ token: Type.String({ title: 'token', description: 'any text' }) });

/** `GET` and `HEAD /ping/:token` */
export const ping: FastifyPluginAsyncTypebox = async (fastify) => {
  // One by one, because each needs an `operationId` of its own: the document's plugin makes `ping-head` of that of `HEAD`.
  for (const method of ['GET', 'HEAD'] as const) {
    fastify.route({
      method,
      url: '/ping/:token',
      config: { access: 'open', swagger: { exposeHeadRoute: true } },
      exposeHeadRoute: false,
      schema: {
        operationId: 'ping',
        summary: 'Is the server there?',
        tags: ['server'],
        // The plugin has copied that of `HEAD` before what follows from `access` is written into it.
        security: [],
        params: Token,
        response: { 200: Type.String() },
      },
      handler: async (request, reply) => sendJson(reply, JSON.stringify(`pong/${request.params.token}`)),
    });
  }
};
