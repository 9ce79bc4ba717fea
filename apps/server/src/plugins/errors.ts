import { ERRORS, type ErrorBody, type ErrorCode, EventsError } from '@ganomede/events-protocol';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Seconds after which a client may try again where the store is away. */
const RETRY_AFTER_S = 1;

/** Every error as `{ code, message }` of the protocol's table; unknown routes and methods too. */
export const errors = fp(async (fastify: FastifyInstance) => {
  const methods = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const name of [method].flat()) known.add(name);
    methods.set(url, known);
  });

  fastify.setErrorHandler((error: FastifyError, request, reply) => sendError(error, request, reply));
  fastify.setNotFoundHandler(refuseUnknown);
  // Before the body is read, so that nothing about the body can come first.
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.is404) refuseUnknown(request);
    else done();
  });

  fastify.decorate('refuseOtherMethods', () => {
    for (const [url, known] of [...methods]) {
      const others = fastify.supportedMethods.filter((method) => !known.has(method));
      const allow = [...known].join(', ');
      fastify.route({
        url: url.slice(fastify.prefix.length),
        method: others,
        schema: { hide: true },
        onRequest: async (request, reply) => {
          reply.header('Allow', allow);
          throw new EventsError(
            'MethodNotAllowed',
            `${request.method} is not allowed here, expected one of: ${allow}`,
          );
        },
        handler: () => undefined,
      });
    }
  });
});

function refuseUnknown(request: FastifyRequest): never {
  throw new EventsError('ResourceNotFound', `${pathOf(request.url)} does not exist`);
}

/** The path of a URL: no query, so no secret. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

/** Answers with an error of the table; what is not in it is logged and answered as `Internal`. */
export function sendError(
  error: FastifyError | EventsError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known = error instanceof EventsError ? error : fromFastify(error);
  logFailure(known, request);
  const retryAfterS = known.retryAfterS ?? (known.code === 'ServiceUnavailable' ? RETRY_AFTER_S : undefined);
  if (retryAfterS !== undefined) reply.header('Retry-After', retryAfterS);
  if (known.code === 'InvalidCredentialsError') reply.header('WWW-Authenticate', 'Bearer');
  const body: ErrorBody = { code: known.code, message: messageOf(known) };
  // Serialised here: an error is the same whatever the schema of the route's answers.
  return reply
    .code(known.status)
    .header('content-type', 'application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(body);
}

/** What underlies a failure is for the log: addresses, paths and the like are nobody else's business. */
function messageOf(error: EventsError): string {
  if (!isOfStore(error)) return error.message;
  return 'The event store is away or cannot write. What was sent may have been stored: send it again with the same Idempotency-Key';
}

/** An unavailable store fails every request; this often the log says so, milliseconds. */
const REPEAT_MS = 1_000;
let unavailableLoggedAt = Number.NEGATIVE_INFINITY;

function logFailure(error: EventsError, { log }: FastifyRequest): void {
  const { code, status, cause, message } = error;
  if (status < 500) return;
  if (code !== 'ServiceUnavailable') {
    log.error({ err: cause, code }, message);
  } else if (isOfStore(error) && performance.now() - unavailableLoggedAt >= REPEAT_MS) {
    unavailableLoggedAt = performance.now();
    log.error({ code }, message);
  }
}

/** The server itself says when to come back; a store that is away does not know. */
function isOfStore({ code, retryAfterS }: EventsError): boolean {
  return code === 'ServiceUnavailable' && retryAfterS === undefined;
}

const CODE_BY_STATUS = new Map<number, ErrorCode>(
  Object.entries(ERRORS).map(([code, { status }]) => [status, code as ErrorCode]),
);

/** What Fastify itself found wrong with a request, in the words of our table. */
function fromFastify(error: FastifyError): EventsError {
  const { statusCode = 500 } = error;
  if (statusCode >= 500) return new EventsError('Internal', 'Internal error', { cause: error });
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new EventsError(
      'PayloadTooLarge',
      'Invalid body: expected at most MAX_BODY_BYTES bytes, got more',
    );
  }
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new EventsError(
      'UnsupportedMediaType',
      'Invalid Content-Type: expected application/json or application/x-www-form-urlencoded',
    );
  }
  if (error.code === 'FST_ERR_BAD_URL')
    return new EventsError('InvalidContent', 'Invalid URL: it cannot be decoded');
  const code = CODE_BY_STATUS.get(statusCode) ?? 'InvalidContent';
  if (code !== 'InvalidContent') return new EventsError(code, error.message, { cause: error });
  // The parser's own words quote the body, and the secret may stand there.
  return new EventsError(
    'InvalidContent',
    'Invalid JSON: the body cannot be read as JSON, or has a "__proto__" or a "constructor.prototype" in it',
    { cause: error },
  );
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers 405 for the methods that the routes registered so far do not have. Call it after them. */
    refuseOtherMethods(): void;
  }
}
