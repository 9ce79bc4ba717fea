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
  const challenge = challengeOf(error);
  if (challenge !== undefined) reply.header('WWW-Authenticate', challenge);
  reply.eventsErrorCode = error.code;
  // Serialised here: an error is the same whatever the schema of the route's answers.
  return reply
    .code(error.status)
    .header('content-type', 'application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(errorBody(error));
}

/** What RFC 6750 has a header say of an error; undefined if it is not about who sends the request. */
function challengeOf({ code, message }: EventsError): string | undefined {
  switch (code) {
    case 'InvalidCredentialsError':
      return 'Bearer';
    case 'InvalidToken':
      return `Bearer error="invalid_token", error_description="${message}"`;
    case 'InsufficientScope':
      // Its message has names in it, which are more than a header may hold.
      return 'Bearer error="insufficient_scope"';
    default:
      return undefined;
  }
}

/** What a client is told of an error. What underlies a failure of the store is for the log, not for clients. */
export function errorBody(error: EventsError): ErrorBody {
  const { code, lastId } = error;
  const message = isStoreFailure(error) ? STORE_FAILED : error.message;
  return lastId === undefined ? { code, message } : { code, message, lastId };
}

const STORE_FAILED =
  'The event store is away or cannot write. What was sent may have been stored: send it again, a publish with the same Idempotency-Key';
