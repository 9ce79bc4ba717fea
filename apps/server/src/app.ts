import type { Socket } from 'node:net';
import { API_PREFIX, EventsError } from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { sendError } from './answers/errors.js';
import { type AppContext, createAppContext } from './app-context.js';
import { assemble, operationsRoutes, type RouteSettings } from './events-plugin.js';
import { errors, fromFastify } from './plugins/errors.js';
import { missingBodies } from './plugins/missing-bodies.js';
import { requestIds } from './plugins/request-id.js';
import { requestLog } from './plugins/request-log.js';
import { unknownRoutes } from './plugins/unknown-routes.js';
import { unusedConnections } from './plugins/unused-connections.js';
import { RequestLogger } from './process/request-logger.js';

export interface AppOptions {
  /** Stays the caller's: closing the app does not close it. */
  readonly store: EventStore;
  readonly config: RouteSettings;
  /** Default: nothing is logged. */
  readonly logger?: FastifyBaseLogger;
  /** What this app shares with `buildOperationsApp`. Default: a context of its own. */
  readonly context?: AppContext;
  /** Whether it has `/health` and `/metrics`, default true. */
  readonly operations?: boolean;
  /**
   * Whether the answers to polls, publishes and acknowledgements go past Fastify's reply, which is quicker. `onSend` hooks that are
   * added to the app do not see them then; all other hooks do. Default false.
   */
  readonly directAnswers?: boolean;
  /** `TRUST_PROXY`. Default: an address is that of the connection. */
  readonly trustProxy?: string | undefined;
}

/** How long a request may take to arrive, and its headers, milliseconds: slow senders cannot pile up. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;

/**
 * What an older Node.js ignores. From 24 on a request without a body, such as a read, needs no stream that ends: the processor
 * has 3 µs of 40 less to do for each.
 */
const NEWER_HTTP_OPTIONS: object = { optimizeEmptyRequests: true };

/** The server: every route of the protocol under `/events/v1`, and what belongs to the root. Not yet listening. */
export function buildApp(options: AppOptions): FastifyInstance {
  const { store, config, logger, operations = true, directAnswers: direct = false } = options;
  const context = options.context ?? createAppContext(store, config);
  const app = createFastify(logger, options.trustProxy);
  // In a scope of its own: routes that the caller adds stay the caller's.
  app.register((fastify) =>
    assemble(fastify, context, config, { prefix: API_PREFIX, aliases: true, operations, direct }),
  );
  return app;
}

/** Health and metrics alone, for a port of their own (`METRICS_PORT`). */
export function buildOperationsApp(context: AppContext, logger?: FastifyBaseLogger): FastifyInstance {
  const app = createFastify(logger);
  app.register(async (fastify) => {
    await fastify.register(requestLog);
    await fastify.register(errors);
    await fastify.register(unknownRoutes);
    await operationsRoutes(fastify, context);
    fastify.refuseOtherMethods();
  });
  return app;
}

function createFastify(logger: FastifyBaseLogger | undefined, trustProxy?: string): FastifyInstance {
  const requestId = requestIds();
  const app = Fastify({
    ...(logger === undefined ? { logger: false } : { loggerInstance: logger }),
    // plugins/request-log.ts says it in one line, without the query.
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    trustProxy: trustProxy === undefined ? false : trustProxy.split(',').map((each) => each.trim()),
    // While stopping, what still comes in over an open connection is answered, not refused.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 16_384 },
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { ...NEWER_HTTP_OPTIONS, headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1_000 },
    // A route with a level or serializers of its own has an ordinary child.
    childLoggerFactory: (parent, bindings, options) =>
      Object.keys(options).length === 0
        ? new RequestLogger(parent, bindings.reqId)
        : parent.child(bindings, options),
    genReqId: ({ headers }) => requestId(headers['x-request-id']),
    frameworkErrors: (error, request, reply) => {
      reply.header('X-Request-Id', request.id);
      // Of a URL that cannot be decoded: it has reached no scope, and so no error handler.
      sendError(reply, fromFastify(error));
    },
    clientErrorHandler: (error, socket) => refuseMessage(error, socket, requestId()),
  });
  app.register(unusedConnections);
  app.register(missingBodies);
  return app;
}

/** What is not even HTTP. The connection is closed after the answer. */
function refuseMessage(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, code, message } =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new EventsError('RequestHeaderFieldsTooLarge', 'Invalid request: its headers and URL are too large')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new EventsError('RequestTimeout', 'The request did not arrive in time')
        : new EventsError('InvalidContent', 'Invalid request: expected an HTTP/1.1 message');
  const body = JSON.stringify({ code, message });
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\nX-Request-Id: ${requestId}\r\nConnection: close\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
