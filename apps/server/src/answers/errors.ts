import { type ErrorBody, EventsError } from '@ganomede/events-protocol';
import type { FastifyReply } from 'fastify';

/** Seconds after which a client may try again if the server or its store cannot answer now. */
const RETRY_AFTER_S = 1;

/** The server itself cannot answer now, and says why. Every other `ServiceUnavailable` is the store's. */
export class TemporaryRefusal extends EventsError {
  constructor(message: string) {
    super('ServiceUnavailable', message, { retryAfterS: RETRY_AFTER_S });
  }
}

/** Whether the store could not be reached or could not write. */
export function isStoreFailure(error: EventsError): boolean {
  return error.code === 'ServiceUnavailable' && !(error instanceof TemporaryRefusal);
}

/** Answers with `{ code, message }`. */
export function sendError(reply: FastifyReply, error: EventsError): FastifyReply {
  const storeFailed = isStoreFailure(error);
  const retryAfterS = error.retryAfterS ?? (storeFailed ? RETRY_AFTER_S : undefined);
  if (retryAfterS !== undefined) reply.header('Retry-After', retryAfterS);
  if (error.code === 'InvalidCredentialsError') reply.header('WWW-Authenticate', 'Bearer');
  reply.eventsErrorCode = error.code;
  // Serialised here: an error is the same whatever the schema of the route's answers.
  return reply
    .code(error.status)
    .header('content-type', 'application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(errorBody(error));
}

/** What a client is told of an error. What underlies a failure of the store is for the log, not for clients. */
export function errorBody(error: EventsError): ErrorBody {
  const { code, lastId } = error;
  const message = isStoreFailure(error) ? STORE_FAILED : error.message;
  return lastId === undefined ? { code, message } : { code, message, lastId };
}

const STORE_FAILED =
  'The event store is away or cannot write. What was sent may have been stored: send it again, a publish with the same Idempotency-Key';
