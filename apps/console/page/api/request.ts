import type { ErrorBody } from '@ganomede/events-protocol';
import { connectionFailed, connectionWorks } from '../state/connection.js';
import { secret, signOut } from '../state/session.js';

const meta = document.querySelector<HTMLMetaElement>('meta[name="events-api"]');
/** Where the page is, without what changes. */
const page = location.origin + location.pathname;
/** Where the API is; ends with a slash. */
const api = new URL(meta?.content ?? '../events/v1/', page);
/** Where health and metrics are; ends with a slash. */
const operations = new URL('../', page);

/** An answer that is an error. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, { code, message }: ErrorBody) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** What to show of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof RangeError) return error.message;
  if (!(error instanceof ApiError)) return 'The server cannot be reached.';
  if (error.code === 'InvalidCredentialsError') return 'The server does not accept this secret.';
  if (error.status === 403) return `You may not do this: ${error.message}`;
  return error.message;
}

/** How long an answer may take, milliseconds: a server that stands still, or a network that does, tells nobody. */
const PATIENCE_MS = 60_000;
/** That whether it is there. */
const OPERATIONS_PATIENCE_MS = 10_000;

/** Whether somebody did not want the answer any more. */
export const isAborted = (error: unknown) => error instanceof DOMException && error.name === 'AbortError';

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
  /** Whether its answer goes on for as long as somebody listens; default false. */
  readonly isStream?: boolean;
  /** Another secret than that of the session, to try it. */
  readonly secret?: string;
}

/**
 * A request of the API, with the secret of the session.
 *
 * @throws ApiError for an answer that is an error; a TypeError if there is none. If the secret is not accepted any more the session ends.
 */
export async function request(
  method: string,
  path: string,
  { query = {}, body, signal, isStream = false, secret: tried }: RequestOptions = {},
): Promise<Response> {
  const url = new URL(path, api);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const used = tried ?? secret.peek() ?? '';
  const headers = new Headers({ Authorization: `Bearer ${used}` });
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  const response = await send(url, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: isStream ? (signal ?? null) : patient(signal, PATIENCE_MS),
  });
  if (response.ok) return response;
  const error = new ApiError(response.status, await errorBodyOf(response));
  // Whoever has signed in again meanwhile stays.
  if (error.status === 401 && tried === undefined && used === secret.peek()) {
    signOut(error.code === 'InvalidToken' ? error.message : 'The secret is not accepted any more.');
  }
  throw error;
}

/** What is open to everybody, `/health/ready` or `/metrics`, whatever its status. */
export const requestOperations = (path: string, signal?: AbortSignal) =>
  send(new URL(path, operations), { signal: patient(signal, OPERATIONS_PATIENCE_MS) });

const patient = (signal: AbortSignal | undefined, ms: number) =>
  AbortSignal.any([AbortSignal.timeout(ms), ...(signal ? [signal] : [])]);

async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(url, { ...init, cache: 'no-store' });
    // From a proxy whose server is away.
    if (response.status === 502 || response.status === 504) connectionFailed();
    else connectionWorks();
    return response;
  } catch (error) {
    if (!isAborted(error)) connectionFailed();
    throw error;
  }
}

async function errorBodyOf(response: Response): Promise<ErrorBody> {
  const body = (await response.json().catch(() => undefined)) as Partial<ErrorBody> | undefined;
  return {
    code: body?.code ?? '',
    message: body?.message ?? `The answer was ${response.status} ${response.statusText}.`,
  };
}
