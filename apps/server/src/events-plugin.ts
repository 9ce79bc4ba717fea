import cors from '@fastify/cors';
import {
  CURSOR_SHARED_HEADER,
  EPOCH_HEADER,
  FIRST_ID_HEADER,
  LAST_ID_HEADER,
  REWOUND_HEADER,
} from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { DirectAnswers } from './answers/direct-answers.js';
import { SharedCursors } from './answers/shared-cursors.js';
import { Untaken } from './answers/untaken.js';
import { type AppContext, createAppContext, type MetricsSettings } from './app-context.js';
import { access } from './plugins/access.js';
import { authentication } from './plugins/authentication.js';
import { bodies } from './plugins/bodies.js';
import { errors } from './plugins/errors.js';
import { openapiDocument } from './plugins/openapi-document.js';
import { rateLimit } from './plugins/rate-limit.js';
import { requestLog } from './plugins/request-log.js';
import { requestMetrics } from './plugins/request-metrics.js';
import { stopping } from './plugins/stopping.js';
import { unknownRoutes } from './plugins/unknown-routes.js';
import { validation } from './plugins/validation.js';
import { waitingRequests } from './plugins/waiting.js';
import { type Config, withDefaults } from './process/config.js';
import { about } from './routes/about.js';
import { appends } from './routes/appends.js';
import { consolePage } from './routes/console-page.js';
import { createIndex } from './routes/create-index.js';
import { cursors } from './routes/cursors.js';
import { deleteChannel } from './routes/delete-channel.js';
import { deleteConsumer } from './routes/delete-consumer.js';
import { findCursor } from './routes/find-cursor.js';
import { frontDoor } from './routes/front-door.js';
import { deleteGroup } from './routes/groups/delete-group.js';
import { listGroups } from './routes/groups/list-groups.js';
import { receive } from './routes/groups/receive.js';
import { redrive } from './routes/groups/redrive.js';
import { saveGroup } from './routes/groups/save-group.js';
import { settle } from './routes/groups/settle.js';
import { healthLive } from './routes/health-live.js';
import { healthReady } from './routes/health-ready.js';
import { latest } from './routes/latest.js';
import { listChannels } from './routes/list-channels.js';
import { listConsumers } from './routes/list-consumers.js';
import { listIndices } from './routes/list-indices.js';
import { metrics } from './routes/metrics.js';
import { openapi } from './routes/openapi.js';
import { ping } from './routes/ping.js';
import { publish } from './routes/publish.js';
import { read } from './routes/read.js';
import { readIndex } from './routes/read-index.js';
import { redact } from './routes/redact.js';
import { streams } from './routes/streams.js';
import { trimChannel } from './routes/trim-channel.js';
import { TokenVerifier } from './tokens/token-verifier.js';

/** The settings that the routes need; each is optional, with the default of the server's configuration. */
export type RouteSettings = Partial<
  Pick<
    Config,
    | 'apiSecretPrevious'
    | 'allowQuerySecret'
    | 'tokenSecret'
    | 'tokenJwks'
    | 'tokenIssuer'
    | 'tokenAudience'
    | 'pollTimeoutMs'
    | 'maxLimit'
    | 'maxBodyBytes'
    | 'maxWaitingPolls'
    | 'rateLimit'
    | 'corsOrigin'
    | 'console'
  >
> &
  MetricsSettings & {
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
  const context = createAppContext(store, settings);
  await assemble(fastify, context, settings, { prefix: '', aliases: false, operations: true, direct: false });
};

/** Which routes a server has, and where. */
interface Routes {
  /** What the paths of the protocol begin with, below the prefix of the plugin. */
  readonly prefix: string;
  /** Whether it answers at `/latest` and `/about` without the prefix too, as the original does. */
  readonly aliases: boolean;
  /** Whether it has `/health` and `/metrics`. */
  readonly operations: boolean;
  /** Whether its most frequent answers go past Fastify's reply, and so past `onSend` hooks. */
  readonly direct: boolean;
}

/** The one assembly, of the plugin and of the app: what concerns every request, once, and then the routes. */
export async function assemble(
  fastify: FastifyInstance,
  context: AppContext,
  settings: RouteSettings,
  { prefix, aliases, operations, direct }: Routes,
): Promise<void> {
  const { maxLimit, console } = withDefaults(settings);
  await fastify.register(openapiDocument, { path: `${fastify.prefix}${prefix}` });
  await requestPlugins(fastify, context, settings);
  await fastify.register((scope) => protocolRoutes(scope, context, settings, direct), { prefix });
  if (aliases) {
    await fastify.register(async (scope) => {
      scope.addHook('onRoute', (route) => {
        route.schema = { ...route.schema, hide: true };
      });
      await scope.register(about);
      await scope.register(latest, { store: context.store, maxLimit });
      await scope.register(frontDoor, { leadsTo: console ? 'console/' : `${prefix.slice(1)}/docs` });
    });
  }
  if (console) await fastify.register(consolePage, { api: `..${prefix}/` });
  if (operations) await operationsRoutes(fastify, context);
  fastify.refuseOtherMethods();
  await fastify.register(openapi, { prefix });
  const stopObserving = context.metrics.observe(context.store);
  fastify.addHook('onClose', async () => stopObserving());
}

/** What concerns every request, whatever its route. */
async function requestPlugins(
  fastify: FastifyInstance,
  { store, metrics, statsd, lifecycle }: AppContext,
  settings: RouteSettings,
): Promise<void> {
  const config = withDefaults(settings);
  const { apiSecret, apiSecretPrevious, allowQuerySecret, maxBodyBytes, maxWaitingPolls, corsOrigin } =
    config;
  if (typeof apiSecret !== 'string' || apiSecret === '') {
    throw new TypeError('Invalid apiSecret: expected a non-empty string');
  }
  const secrets = apiSecretPrevious === undefined ? [apiSecret] : [apiSecret, apiSecretPrevious];
  const tokens = await TokenVerifier.open(config, store.typedChannels, fastify.log);
  // All are none of them.
  const origins =
    corsOrigin === undefined || corsOrigin === '*'
      ? []
      : corsOrigin.split(',').map((origin) => origin.trim());
  await fastify.register(requestLog);
  await fastify.register(requestMetrics, { metrics, statsd });
  if (corsOrigin !== undefined) {
    await fastify.register(cors, {
      origin: corsOrigin === '*' ? '*' : origins,
      // For the cookie, which is nothing for pages of whatever origin.
      credentials: tokens !== undefined && corsOrigin !== '*',
      exposedHeaders: [
        ...[FIRST_ID_HEADER, LAST_ID_HEADER, EPOCH_HEADER, REWOUND_HEADER],
        ...[CURSOR_SHARED_HEADER, 'X-Request-Id', 'Retry-After', 'WWW-Authenticate'],
      ],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
      maxAge: 600,
    });
  }
  await fastify.register(errors);
  await fastify.register(unknownRoutes);
  await fastify.register(validation);
  await fastify.register(authentication, { secrets, allowQuerySecret, tokens, origins });
  await fastify.register(rateLimit, { rateLimit: settings.rateLimit });
  await fastify.register(access);
  await fastify.register(stopping, { lifecycle });
  await fastify.register(waitingRequests, { maxWaitingPolls });
  await fastify.register(bodies, { maxBodyBytes });
}

/** The longest wait of a poll, if it is not set. Milliseconds. */
const LONGEST_WAIT_MS = 30_000;
/** That of a poll that does not say how long: as at the original, whose client waits for it when its service stops. Milliseconds. */
const DEFAULT_WAIT_MS = 5_000;

/** Every route of the protocol. */
async function protocolRoutes(
  fastify: FastifyInstance,
  { store, metrics, lifecycle }: Pick<AppContext, 'store' | 'metrics' | 'lifecycle'>,
  settings: Partial<Pick<Config, 'pollTimeoutMs' | 'maxLimit'>>,
  direct: boolean,
): Promise<void> {
  const { pollTimeoutMs = LONGEST_WAIT_MS, maxLimit } = withDefaults(settings);
  const defaultWaitMs = settings.pollTimeoutMs ?? DEFAULT_WAIT_MS;
  const answers = new DirectAnswers({ direct, lifecycle });
  await fastify.register(publish, { store, metrics, answers });
  await fastify.register(appends, { store, metrics, answers });
  const untaken = new Untaken();
  const sharedCursors = new SharedCursors(metrics);
  await fastify.register(read, {
    ...{ store, metrics, answers, untaken, sharedCursors },
    ...{ pollTimeoutMs, defaultWaitMs, maxLimit },
  });
  await fastify.register(streams, { store, metrics, untaken, maxLimit });
  await fastify.register(cursors, { store, sharedCursors, answers });
  await fastify.register(findCursor, { store });
  await fastify.register(latest, { store, maxLimit });
  await fastify.register(saveGroup, { store });
  await fastify.register(receive, { store, metrics, pollTimeoutMs, maxLimit });
  await fastify.register(settle, { store });
  await fastify.register(listGroups, { store });
  await fastify.register(redrive, { store, maxLimit });
  await fastify.register(deleteGroup, { store });
  await fastify.register(createIndex, { store });
  await fastify.register(listIndices, { store });
  await fastify.register(readIndex, { store, maxLimit });
  await fastify.register(listChannels, { store, maxLimit });
  await fastify.register(deleteChannel, { store });
  await fastify.register(trimChannel, { store });
  await fastify.register(redact, { store });
  await fastify.register(listConsumers, { store, maxLimit });
  await fastify.register(deleteConsumer, { store });
  await fastify.register(ping);
  await fastify.register(about);
}

/** What those who run the server look at; no secret is needed. */
export async function operationsRoutes(
  fastify: FastifyInstance,
  { store, registry, lifecycle }: AppContext,
): Promise<void> {
  await fastify.register(healthLive);
  await fastify.register(healthReady, { store, lifecycle });
  await fastify.register(metrics, { registry });
}
