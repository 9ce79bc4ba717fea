import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';

/** `GET /metrics` */
export const prometheus: FastifyPluginAsync<{ figures: Pick<Registry, 'metrics' | 'contentType'> }> = async (
  fastify,
  { figures },
) => {
  fastify.get('/metrics', async (_request, reply) =>
    reply.header('content-type', figures.contentType).send(await figures.metrics()),
  );
};
