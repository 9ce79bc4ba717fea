import { Type } from '@sinclair/typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { Registry } from 'prom-client';
import { errorsOf } from '../answers/error-schemas.js';

const schema = {
  operationId: 'metrics',
  summary: 'Metrics for Prometheus',
  tags: ['operations'],
  produces: ['text/plain'],
  response: { 200: Type.String({ description: 'Prometheus text' }), ...errorsOf(503) },
};

/** `GET /metrics` */
export const metrics: FastifyPluginAsync<{ registry: Pick<Registry, 'metrics' | 'contentType'> }> = async (
  fastify,
  { registry },
) => {
  fastify.get('/metrics', { config: { access: 'open' }, schema }, async (_request, reply) =>
    reply.header('content-type', registry.contentType).send(await registry.metrics()),
  );
};
