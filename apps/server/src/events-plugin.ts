import cors from '@fastify/cors';
import { FIRST_ID_HEADER, LAST_ID_HEADER } from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { createServices, type Services, type StatsDSettings } from './app-context.js';
import { authentication } from './plugins/authentication.js';
import { bodies } from './plugins/bodies.js';
import { errors } from './plugins/errors.js';
import { describeRoutes } from './plugins/openapi-document.js';
import { requestLog } from './plugins/request-log.js';
import { requestMetrics } from './plugins/request-metrics.js';
import { validation } from './plugins/validation.js';
import { polls } from './plugins/waiting-requests.js';
import { type Config, withDefaults } from './process/config.js';
import { about } from './routes/about.js';
import { health } from './routes/health.js';
import { latest } from './routes/latest.js';
import { prometheus } from './routes/metrics.js';
import { openapi } from './routes/openapi.js';
import { ping } from './routes/ping.js';
import { publish } from './routes/publish.js';
import { read } from './routes/read.js';
import { indices } from './routes/read-index.js';

/** The settings that the routes need; each is optional, with the default of the server's configuration. */
export type RouteSettings = Partial<
  Pick<
    Config,
    | 'apiSecretPrevious'
    | 'allowQuerySecret'
    | 'pollTimeoutMs'
    | 'maxLimit'
    | 'maxBodyBytes'
    | 'maxWaitingPolls'
    | 'corsOrigin'
  >
> &
  StatsDSettings & {
    /** What clients have to send. */
    readonly apiSecret: string;
  };

export interface EventsPluginOptions extends RouteSettings {
  /** Stays the caller's: closing the app does not close it. */
  readonly store: EventStore;
}

/** Everything that the server does, to be registered under a prefix such as `/events/v1`. */
export const eventsPlugin: FastifyPluginAsync<EventsPluginOptions> = async (
  fastify,
  { store, ...settings },
) => {
  const services = createServices(store, settings);
  await describeRoutes(fastify);
  await manners(fastify, services, settings);
  await protocolRoutes(fastify, services, settings);
  await operationsRoutes(fastify, services);
  fastify.refuseOtherMethods();
  await fastify.register(openapi);
};

/** How every route answers, whatever it does: errors, secrets, logs, figures, the end of waiting. */
export async function manners(
  fastify: FastifyInstance,
  services: Services,
  settings: RouteSettings,
): Promise<void> {
  const { apiSecret, apiSecretPrevious, allowQuerySecret, maxBodyBytes, maxWaitingPolls, corsOrigin } =
    withDefaults(settings);
  if (typeof apiSecret !== 'string' || apiSecret === '') {
    throw new TypeError('Invalid apiSecret: expected a non-empty string');
  }
  const secrets = apiSecretPrevious === undefined ? [apiSecret] : [apiSecret, apiSecretPrevious];
  await fastify.register(requestLog);
  await fastify.register(requestMetrics, services);
  if (corsOrigin !== undefined) {
    await fastify.register(cors, {
      origin: corsOrigin === '*' ? '*' : corsOrigin.split(',').map((origin) => origin.trim()),
      exposedHeaders: [FIRST_ID_HEADER, LAST_ID_HEADER, 'X-Request-Id', 'Retry-After'],
      maxAge: 600,
    });
  }
  await fastify.register(errors);
  await fastify.register(validation);
  await fastify.register(authentication, { secrets, allowQuerySecret });
  await fastify.register(polls, { maxWaitingPolls, lifecycle: services.lifecycle });
  await fastify.register(bodies, { maxBodyBytes });
}

export async function protocolRoutes(
  fastify: FastifyInstance,
  { store, metrics }: Services,
  settings: RouteSettings,
): Promise<void> {
  const { pollTimeoutMs, maxLimit } = withDefaults(settings);
  await fastify.register(publish, { store, metrics });
  await fastify.register(read, { store, metrics, pollTimeoutMs, maxLimit });
  await fastify.register(latest, { store, maxLimit });
  await fastify.register(indices, { store, maxLimit });
  await fastify.register(ping);
  await fastify.register(about);
}

/** What those who run the server look at; no secret is needed. */
export async function operationsRoutes(
  fastify: FastifyInstance,
  { store, figures, lifecycle }: Services,
): Promise<void> {
  await fastify.register(health, { store, lifecycle });
  await fastify.register(prometheus, { figures });
}
