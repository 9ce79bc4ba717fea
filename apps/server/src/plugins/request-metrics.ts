import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { StatsD } from 'hot-shots';
import type { Metrics } from '../metrics/metrics.js';

export interface RequestMetricsOptions {
  readonly metrics: Pick<Metrics, 'answered'>;
  readonly statsd: StatsD | undefined;
}

/** Counts every answer, for Prometheus and, if it is configured, StatsD. */
export const requestMetrics = fp(
  async (fastify: FastifyInstance, { metrics, statsd }: RequestMetricsOptions) => {
    fastify.addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? 'unknown';
      metrics.answered(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
      if (statsd !== undefined) {
        const name = `route.${statsdName(request)}`;
        statsd.increment(`${name}.status.${reply.statusCode}`);
        statsd.timing(`${name}.time`, reply.elapsedTime);
      }
      done();
    });
  },
);

/** The route as the original's router names it: `geteventsv1events`. */
function statsdName({ method, routeOptions }: FastifyRequest): string {
  return routeOptions.url === undefined
    ? 'invalid_route'
    : `${method}${routeOptions.url}`.replace(/\W/g, '').toLowerCase();
}
