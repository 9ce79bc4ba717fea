import { type Static, Type } from '@sinclair/typebox';

/** Every error that goes over the wire. `retryable`: the same request may succeed later. */
export const ERRORS = {
  InvalidContent: { status: 400, retryable: false },
  InvalidCredentialsError: { status: 401, retryable: false },
  ResourceNotFound: { status: 404, retryable: false },
  MethodNotAllowed: { status: 405, retryable: false },
  RequestTimeout: { status: 408, retryable: true },
  PayloadTooLarge: { status: 413, retryable: false },
  UnsupportedMediaType: { status: 415, retryable: false },
  RequestHeaderFieldsTooLarge: { status: 431, retryable: false },
  Internal: { status: 500, retryable: true },
  ServiceUnavailable: { status: 503, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERRORS;

export const ErrorBody = Type.Object({
  code: Type.String({ description: 'what to branch on', examples: ['InvalidContent'] }),
  message: Type.String({ description: 'for people: what was expected and what came' }),
});
export type ErrorBody = Static<typeof ErrorBody>;

/**
 * An error of the table. Code branches on `code`, never on the message.
 * `cause` is for the log and is never sent.
 */
export class EventsError extends Error {
  override readonly name = 'EventsError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** HTTP status. */
  get status(): number {
    return ERRORS[this.code].status;
  }

  /** True where the same request may succeed later. */
  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}
