import { ERRORS, type ErrorCode, EventsError } from '@ganomede/events-protocol';
import type { FastifyBaseLogger, FastifyError, FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { isStoreFailure, sendError } from '../answers/errors.js';

/**
 * Every error is answered as one of the protocol's table; what is not in it is logged and answered as `Internal`. A route that
 * answers with an error inside an answer that succeeds gets it from `takeError`, which sees to the same.
 */
export const errors = fp(async (fastify: FastifyInstance) => {
  const logFailure = failureLog();

  const takeError = (error: FastifyError | EventsError, log: FastifyBaseLogger) => {
    const known = error instanceof EventsError ? error : fromFastify(error);
    logFailure(known, log);
    return known;
  };
  fastify.decorate('takeError', takeError);
  fastify.setErrorHandler<FastifyError | EventsError>((error, request, reply) =>
    sendError(reply, takeError(error, request.log)),
  );
});

declare module 'fastify' {
  interface FastifyInstance {
    /** The error of the protocol's table for one that was thrown, which is logged if it should be. */
    takeError(error: FastifyError | EventsError, log: FastifyBaseLogger): EventsError;
  }
}

/** A store that is away fails every request; the log says so at most this often, milliseconds. */
const STORE_FAILURE_EVERY_MS = 1_000;

function failureLog(): (error: EventsError, log: FastifyBaseLogger) => void {
  let storeFailureLoggedAt = Number.NEGATIVE_INFINITY;
  return (error, log) => {
    const { code, cause, message } = error;
    if (code === 'Internal') {
      log.error({ err: cause, code }, message);
    } else if (isStoreFailure(error) && performance.now() - storeFailureLoggedAt >= STORE_FAILURE_EVERY_MS) {
      storeFailureLoggedAt = performance.now();
      log.error({ code }, message);
    }
  };
}

const CODE_BY_STATUS = new Map<number, ErrorCode>(
  Object.entries(ERRORS).map(([code, { status }]) => [status, code as ErrorCode]),
);

/** What Fastify itself found wrong with a request, in the words of our table. */
export function fromFastify(error: FastifyError): EventsError {
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
  // The parser's own words quote the body, and the secret may be in it.
  return new EventsError(
    'InvalidContent',
    'Invalid JSON: the body cannot be read as JSON, or has a "__proto__" or a "constructor.prototype" in it',
    { cause: error },
  );
}
