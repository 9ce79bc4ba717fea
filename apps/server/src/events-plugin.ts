import type { EventStore } from '@ganomede/events-store';
import type { FastifyPluginAsync } from 'fastify';
import { type Config, readConfig } from './config.js';
import { authentication } from './plugins/authentication.js';
import { bodies } from './plugins/bodies.js';
import { errors } from './plugins/errors.js';
import { polls } from './plugins/polls.js';
import { requestLog } from './plugins/request-log.js';
import { validation } from './plugins/validation.js';
import { about } from './routes/about.js';
import { ping } from './routes/ping.js';
import { publish } from './routes/publish.js';
import { read } from './routes/read.js';

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
  >
>;

export interface EventsPluginOptions extends RouteSettings {
  /** What clients have to send. */
  readonly apiSecret: string;
  /** Stays the caller's: closing the app does not close it. */
  readonly store: EventStore;
}

/** Every route of the protocol, to be registered under a prefix such as `/events/v1`. */
export const eventsPlugin: FastifyPluginAsync<EventsPluginOptions> = async (fastify, options) => {
  const { store, apiSecret, apiSecretPrevious, ...settings } = { ...readConfig({}), ...options };
  const { allowQuerySecret, pollTimeoutMs, maxLimit, maxBodyBytes, maxWaitingPolls } = settings;
  const secrets = apiSecretPrevious === undefined ? [apiSecret] : [apiSecret, apiSecretPrevious];

  await fastify.register(requestLog);
  await fastify.register(errors);
  await fastify.register(validation);
  await fastify.register(authentication, { secrets, allowQuerySecret });
  await fastify.register(polls, { maxWaitingPolls });
  await fastify.register(bodies, { maxBodyBytes });

  await fastify.register(publish, { store });
  await fastify.register(read, { store, pollTimeoutMs, maxLimit });
  await fastify.register(ping);
  await fastify.register(about);
  fastify.refuseOtherMethods();
};
