import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { API_PREFIX, EventsError } from '@ganomede/events-protocol';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
  LogController,
} from 'fastify';
import { type EventsPluginOptions, eventsPlugin } from './events-plugin.js';
import { errors, sendError } from './plugins/errors.js';
import { requestLog } from './plugins/request-log.js';
import { unusedConnections } from './plugins/unused-connections.js';
import { about } from './routes/about.js';

export interface AppOptions {
  readonly store: EventsPluginOptions['store'];
  readonly config: Omit<EventsPluginOptions, 'store'>;
  /** Default: nothing is logged. */
  readonly logger?: FastifyBaseLogger;
}

/** How long a request may take to arrive, and its headers, milliseconds: slow senders cannot pile up. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;

/** The server: every route of the protocol under `/events/v1`, and `/about`. Not yet listening. */
export function buildApp({ store, config, logger }: AppOptions): FastifyInstance {
  const app = Fastify({
    ...(logger === undefined ? { logger: false } : { loggerInstance: logger }),
    // plugins/request-log.ts says it in one line, without the query.
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    // While stopping, what still comes in over an open connection is answered, not refused.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 16_384 },
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1_000 },
    genReqId: ({ headers }) => requestId(headers['x-request-id']),
    frameworkErrors: (error, request, reply) => {
      reply.header('X-Request-Id', request.id);
      sendError(error, request, reply);
    },
    clientErrorHandler: refuseMessage,
  });
  app.register(unusedConnections);
  app.register(eventsPlugin, { ...config, store, prefix: API_PREFIX });
  app.register(rootRoutes);
  return app;
}

const rootRoutes: FastifyPluginAsync = async (fastify) => {
  await fastify.register(requestLog);
  await fastify.register(errors);
  await fastify.register(about);
  fastify.refuseOtherMethods();
};

/** The caller's own id, where it is fit for a header and a log. */
function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given) ? given : randomUUID();
}

/** What is not even HTTP. The connection is closed after the answer. */
function refuseMessage(error: NodeJS.ErrnoException, socket: Socket): void {
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
    `HTTP/1.1 ${status} ${code}\r\nX-Request-Id: ${randomUUID()}\r\nConnection: close\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
