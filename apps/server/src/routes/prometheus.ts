import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';

/** `GET /metrics` */
export const prometheus: FastifyPluginAsync<{ registry: Pick<Registry, 'metrics' | 'contentType'> }> = async (
  fastify,
  { registry },
) => {
  fastify.get('/metrics', async (_request, reply) =>
    reply.header('content-type', registry.contentType).send(await registry.metrics()),
  );
};
