import { type Static, Type } from '@sinclair/typebox';

/** Every error that goes over the wire. `retryable`: the same request may succeed later. */
export const ERRORS = {
  InvalidContent: { status: 400, retryable: false },
  InvalidCredentialsError: { status: 401, retryable: false },
  ResourceNotFound: { status: 404, retryable: false },
  MethodNotAllowed: { status: 405, retryable: false },
  RequestTimeout: { status: 408, retryable: true },
  Conflict: { status: 409, retryable: false },
  PayloadTooLarge: { status: 413, retryable: false },
  UnsupportedMediaType: { status: 415, retryable: false },
  IdempotencyKeyReused: { status: 422, retryable: false },
  TooManyRequests: { status: 429, retryable: true },
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

export interface EventsErrorOptions {
  /** What went wrong underneath: for the log, never sent. */
  readonly cause?: unknown;
  /** Seconds after which a retry can help. */
  readonly retryAfterS?: number | undefined;
}

/** An error of the table. Code branches on `code`, never on the message. */
export class EventsError extends Error {
  override readonly name = 'EventsError';
  readonly code: ErrorCode;
  /** Seconds after which a retry can help, where that is known. */
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, message: string, { cause, retryAfterS }: EventsErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryAfterS = retryAfterS;
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
