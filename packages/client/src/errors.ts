import { isRetryable } from '@ganomede/events-protocol';

/** How much is kept of a reply that is not what was asked for, in bytes. */
export const MAX_ERROR_BODY_BYTES = 8_192;

/** How far a client and a channel's store had come when they turned out not to fit together. */
export interface ReportedPosition {
  /** Id of the last event that this client had read. */
  readonly after: number;
  /** Id of the oldest event that the store keeps; 0 if it keeps none. */
  readonly firstId: number;
  /** The newest id that the store has given; 0 if it has given none. */
  readonly lastId: number;
  /** Of `StoreRewound`: the last of the events that this client had read that the store still has. Reading goes on behind it. */
  readonly rewoundTo?: number | undefined;
}

/** What a failed request left behind; every field but `code` and `maybeProcessed` may be missing. */
export interface RequestFailure {
  code: string;
  /** The same if it is the server's. */
  restCode?: string | undefined;
  statusCode?: number | undefined;
  body?: unknown;
  maybeProcessed: boolean;
  retryAfterMs?: number | undefined;
  position?: ReportedPosition | undefined;
  cause?: unknown;
}

/** Whether a server that answers this status has done what was asked for. */
export function isSuccess(statusCode: number | undefined): boolean {
  return statusCode === 200 || statusCode === 201;
}

/**
 * Whether a server that answers this status may have carried out the request. A 503 too: the store may have gone away
 * between storing and saying so.
 */
export function mayBeProcessed(statusCode: number): boolean {
  return statusCode < 300 || statusCode >= 500;
}

/**
 * A request that did not bring what was asked for. It is what `error` handlers, callbacks of `send`
 * and rejected promises get. Branch on `code`, never on the message.
 */
export class RequestError extends Error {
  /** `restCode` with `Error` behind it, as the original names what a server says; `RequestError` if it has said nothing. */
  override readonly name: string;

  /** The server's code, if it sent one; by the name that the original has for it. */
  readonly restCode: string | undefined;

  /**
   * The server's code if it sent one (`InvalidCredentialsError`), the system's if the connection failed
   * (`ECONNREFUSED`), otherwise one of
   * `UnexpectedStatus` (not 200, and no code in the body), `InvalidReply` (200, but not what was asked for),
   * `ReplyCut` (the connection ended in the middle of the reply), `Timeout`, `Closed` (the client was closed),
   * `TokenUnavailable` (the function that gives the token failed),
   * `EventsMissed` and `StoreRewound` (the request succeeded, and showed that events are lost to this client), `HandlerRejected`
   * (a promise that a handler had returned was rejected, with `cause`), `CursorShared` (other processes read the channel under
   * the same `clientId`), `LeaseLost` (of a worker: the event was, or will be, handed out again).
   */
  readonly code: string;

  /** The HTTP status, if a reply began to arrive. */
  readonly statusCode: number | undefined;

  /** What the server sent: parsed if it was a JSON error, otherwise text; its beginning if it was long. */
  readonly body: unknown;

  /**
   * False if the server certainly did not carry out the request: it refused it, or never received all of it.
   * True if it may have, and only the answer was lost. After a failed `send`: whether the event may be stored.
   */
  readonly maybeProcessed: boolean;

  /** The server's `Retry-After`, in milliseconds from when the reply came. */
  readonly retryAfterMs: number | undefined;

  /** The numbers behind `EventsMissed` and `StoreRewound`. */
  readonly position: ReportedPosition | undefined;

  /** Of `UnexpectedLastId`: the newest id of the channel, or of the type if it was sent to `channel:type`. */
  readonly lastId: number | undefined;

  constructor(message: string, failure: RequestFailure) {
    super(message, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.name =
      failure.restCode === undefined ? 'RequestError' : `${failure.restCode.replace(/Error$/, '')}Error`;
    this.restCode = failure.restCode;
    this.code = failure.code;
    this.statusCode = failure.statusCode;
    this.body = failure.body;
    this.maybeProcessed = failure.maybeProcessed;
    this.retryAfterMs = failure.retryAfterMs;
    this.position = failure.position;
    const { lastId } = (failure.body ?? {}) as { lastId?: unknown };
    this.lastId = failure.code === 'UnexpectedLastId' && typeof lastId === 'number' ? lastId : undefined;
  }
}

/**
 * Whether the same request may succeed later: there was no reply, or half of one, or one that the table of the protocol
 * says so about. Redirects are not followed, so that they are as final as a wrong secret.
 */
export function mayYetSucceed({ code, statusCode }: RequestError): boolean {
  return statusCode === undefined || statusCode < 300 || isRetryable(statusCode, code);
}

/** The same error; if an attempt before it may have been carried out, so may the request as a whole. */
export function orEarlier(error: RequestError, maybeProcessed: boolean): RequestError {
  if (!maybeProcessed || error.maybeProcessed) return error;
  return new RequestError(error.message, { ...error, maybeProcessed });
}
