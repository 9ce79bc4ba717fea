import { Type } from '@sinclair/typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import { errorsOf } from '../answers/error-schemas.js';

const schema = {
  operationId: 'metrics',
  summary: 'Figures for Prometheus',
  tags: ['operations'],
  produces: ['text/plain'],
  response: { 200: Type.String({ description: 'Prometheus text' }), ...errorsOf(503) },
};

/** `GET /metrics` */
export const prometheus: FastifyPluginAsync<{ figures: Pick<Registry, 'metrics' | 'contentType'> }> = async (
  fastify,
  { figures },
) => {
  fastify.get('/metrics', { schema }, async (_request, reply) =>
    reply.header('content-type', figures.contentType).send(await figures.metrics()),
  );
};
