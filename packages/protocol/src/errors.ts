/** Every error that goes over the wire. `retryable`: the same request may succeed later. */
export const ERRORS = {
  InvalidContent: { status: 400, retryable: false },
  InvalidCredentialsError: { status: 401, retryable: false },
  InvalidToken: { status: 401, retryable: false },
  InsufficientScope: { status: 403, retryable: false },
  ResourceNotFound: { status: 404, retryable: false },
  MethodNotAllowed: { status: 405, retryable: false },
  RequestTimeout: { status: 408, retryable: true },
  Conflict: { status: 409, retryable: false },
  UnexpectedLastId: { status: 409, retryable: false },
  PayloadTooLarge: { status: 413, retryable: false },
  UnsupportedMediaType: { status: 415, retryable: false },
  IdempotencyKeyReused: { status: 422, retryable: false },
  TooManyRequests: { status: 429, retryable: true },
  RequestHeaderFieldsTooLarge: { status: 431, retryable: false },
  Internal: { status: 500, retryable: true },
  ServiceUnavailable: { status: 503, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERRORS;

/** The body of an answer that is an error. */
export interface ErrorBody {
  /** What to branch on. */
  code: string;
  /** For people: what was expected and what came. */
  message: string;
  /** Of `UnexpectedLastId`: the newest id. */
  lastId?: number;
}

/**
 * Whether the same request may succeed later. The table decides about its codes. Other answers come from proxies and from
 * other versions of the server: of those the errors that name a passing state may succeed, and 5xx.
 */
export function isRetryable(status: number, code?: string): boolean {
  if (code !== undefined && Object.hasOwn(ERRORS, code)) return ERRORS[code as ErrorCode].retryable;
  return status >= 500 || PASSING_STATUSES.has(status);
}

/** 425 Too Early, and those of the table that can be tried again. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([
  425,
  ...Object.values(ERRORS).flatMap(({ status, retryable }) => (retryable ? [status] : [])),
]);

export interface EventsErrorOptions {
  /** What went wrong underneath: for the log, never sent. */
  readonly cause?: unknown;
  /** Seconds after which a retry can help. */
  readonly retryAfterS?: number | undefined;
  /** Of `UnexpectedLastId`: the newest id. */
  readonly lastId?: number | undefined;
}

/** An error of the table. Code branches on `code`, never on the message. */
export class EventsError extends Error {
  override readonly name = 'EventsError';
  readonly code: ErrorCode;
  /** Seconds after which a retry can help, if that is known. */
  readonly retryAfterS: number | undefined;
  /** Of `UnexpectedLastId`: the newest id. */
  readonly lastId: number | undefined;

  constructor(code: ErrorCode, message: string, { cause, retryAfterS, lastId }: EventsErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryAfterS = retryAfterS;
    this.lastId = lastId;
  }

  /** HTTP status. */
  get status(): number {
    return ERRORS[this.code].status;
  }
}
