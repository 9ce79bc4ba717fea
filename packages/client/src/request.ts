import type { IncomingHttpHeaders } from 'node:http';
import { isSuccess, MAX_ERROR_BODY_BYTES, mayBeProcessed, orEarlier, RequestError } from './errors.js';
import { exchange, type HttpRequest, labelOf, type Reply } from './http-exchange.js';
import type { Server } from './options.js';

/** What a 200 reply has to be. */
export interface Expected<Content> {
  /** In words, for the message of the error. */
  readonly what: string;
  /** What the JSON of a reply holds; undefined if it is something else. */
  read(json: unknown, headers: IncomingHttpHeaders): Content | undefined;
}

/**
 * Sends one request and returns what is `expected` of a 200 reply. Settles only once the connection is
 * closed or back with its agent, so that nothing is left of a request that has ended.
 *
 * A request that meets a kept-alive connection which the server has closed meanwhile is repeated at once on the next one:
 * each repetition uses up one idle connection, and a failure on a new one counts. Whatever is sent may be repeated.
 *
 * @throws RequestError, always
 */
export async function request<Content>(
  server: Server,
  message: HttpRequest,
  expected: Expected<Content>,
): Promise<Content> {
  let maybeProcessed = false;
  for (;;) {
    const outcome = await exchange(server, message);
    if ('reply' in outcome) {
      const content = contentOf(outcome.reply, expected);
      if (content !== undefined) return content;
      throw orEarlier(refusalOf(outcome.reply, labelOf(server, message), expected.what), maybeProcessed);
    }
    if (!outcome.stale) throw orEarlier(outcome.failure, maybeProcessed);
    maybeProcessed ||= outcome.failure.maybeProcessed;
  }
}

function contentOf<Content>({ statusCode, headers, body }: Reply, expected: Expected<Content>) {
  if (!isSuccess(statusCode)) return undefined;
  const json = parsed(body.toString('utf8'));
  return json === undefined ? undefined : expected.read(json, headers);
}

/** What is wrong with a reply that is not what was expected. */
export function refusalOf(
  { statusCode, retryAfterMs, body }: Reply,
  label: string,
  what: string,
): RequestError {
  const text = body.toString('utf8');
  if (isSuccess(statusCode)) {
    return new RequestError(`${label}: expected ${what}, got ${excerpt(text)}`, {
      code: 'InvalidReply',
      statusCode,
      body: text.slice(0, MAX_ERROR_BODY_BYTES),
      maybeProcessed: true,
    });
  }
  const json = parsed(text);
  const { code, message } = described(json);
  const problem = code === undefined ? `expected status 200, got ${statusCode}` : `${statusCode} ${code}`;
  return new RequestError(`${label}: ${problem}: ${message ?? excerpt(text)}`, {
    code: code ?? 'UnexpectedStatus',
    statusCode,
    body: json ?? text.slice(0, MAX_ERROR_BODY_BYTES),
    maybeProcessed: mayBeProcessed(statusCode),
    retryAfterMs,
  });
}

/** Undefined if the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function described(body: unknown): { code?: string; message?: string } {
  if (typeof body !== 'object' || body === null) return {};
  const { code, message } = body as { code?: unknown; message?: unknown };
  return {
    ...(typeof code === 'string' && /^.{1,100}$/.test(code) && { code }),
    ...(typeof message === 'string' && { message: excerpt(message, 500) }),
  };
}

function excerpt(text: string, length = 200): string {
  return text.length <= length ? text || 'nothing' : `${text.slice(0, length)}…`;
}
