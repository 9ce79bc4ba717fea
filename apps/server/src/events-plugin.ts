import type { EventStore } from '@ganomede/events-store';
import type { FastifyPluginAsync } from 'fastify';
import type { Config } from './config.js';
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

export interface EventsPluginOptions extends Pick<Config, 'pollTimeoutMs' | 'maxLimit' | 'maxBodyBytes'> {
  /** What clients have to send. */
  readonly apiSecret: string;
  /** Stays the caller's: closing the app does not close it. */
  readonly store: EventStore;
}

/** Every route of the protocol, to be registered under a prefix such as `/events/v1`. */
export const eventsPlugin: FastifyPluginAsync<EventsPluginOptions> = async (
  fastify,
  { apiSecret, store, pollTimeoutMs, maxLimit, maxBodyBytes },
) => {
  await fastify.register(requestLog);
  await fastify.register(errors);
  await fastify.register(validation);
  await fastify.register(authentication, { apiSecret });
  await fastify.register(polls);
  await fastify.register(bodies, { maxBodyBytes });

  await fastify.register(publish, { store });
  await fastify.register(read, { store, pollTimeoutMs, maxLimit });
  await fastify.register(ping);
  await fastify.register(about);
  fastify.refuseOtherMethods();
};
