import { ERRORS, type ErrorCode } from '@ganomede/events-protocol';
import { ErrorBody } from '@ganomede/events-protocol/schemas';
import { type TSchema, Type } from '@sinclair/typebox';

/** The answers with some statuses, as a route describes them: their codes and, in words, when. */
export function errorsOf(...statuses: number[]): Record<number, TSchema> {
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = Object.entries(ERRORS).filter(([, error]) => error.status === status);
      const description = codes.map(([code]) => `\`${code}\`: ${WHEN[code as ErrorCode]}`).join('; ');
      return [status, Type.Object(ErrorBody.properties, { description })];
    }),
  );
}

const WHEN: Record<ErrorCode, string> = {
  InvalidContent: 'the request is not as described',
  InvalidCredentialsError: 'the secret is missing or wrong',
  InvalidToken: 'the token is not accepted, or not any more; see `WWW-Authenticate`',
  InsufficientScope: 'the token gives no right to do this',
  ResourceNotFound: 'there is no such path, index, group, channel or consumer',
  MethodNotAllowed: 'the path has other methods',
  RequestTimeout: 'the request did not arrive in time',
  Conflict: 'there is another one of the same name',
  UnexpectedLastId: '`expectedLastId` is not the newest id, which is `lastId`',
  PayloadTooLarge: 'the body is larger than MAX_BODY_BYTES',
  UnsupportedMediaType: 'the body is neither JSON nor form-encoded, not in UTF-8, or compressed',
  IdempotencyKeyReused: 'the key was used with another body',
  TooManyRequests: 'too many requests with a wrong secret or token; see `Retry-After`',
  RequestHeaderFieldsTooLarge: 'the URL or the headers are too large',
  Internal: 'an error that nobody expected; the log tells more',
  ServiceUnavailable: 'the store is away, or too many polls wait; see `Retry-After`',
};
