import type { FastifyPluginAsync } from 'fastify';

/** `GET /`: leads people to the page that they look for. `leadsTo` is relative, so that it holds behind any proxy. */
export const frontDoor: FastifyPluginAsync<{ leadsTo: string }> = async (fastify, { leadsTo }) => {
  fastify.get('/', { config: { access: 'open' } }, async (_request, reply) => reply.redirect(leadsTo));
};
