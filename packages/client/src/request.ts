import type { IncomingHttpHeaders } from 'node:http';
import { isSuccess, MAX_ERROR_BODY_BYTES, mayBeProcessed, orEarlier, RequestError } from './errors.js';
import { exchange, type HttpRequest, labelOf, type Reply } from './http-exchange.js';
import type { Server } from './options.js';
import { tokenReady } from './token-ready.js';

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
 * One that is refused as unauthorized by a server that does not know where the secret was is sent again with it elsewhere; one
 * whose token is not accepted any more, with the next token: both once.
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
  const { credentials } = server;
  for (let place = credentials.place, hasMoved = false, hasRenewed = false; ; ) {
    const waiting = tokenReady(server, message);
    if (waiting !== undefined) await waiting;
    const { token } = credentials;
    const outcome = await exchange(server, message, place);
    if ('reply' in outcome) {
      server.outage.over();
      const { statusCode, headers } = outcome.reply;
      const elsewhere = statusCode === 401 ? credentials.elsewhere(place, headers) : undefined;
      if (elsewhere !== undefined && !hasMoved) {
        [place, hasMoved] = [elsewhere, true];
        continue;
      }
      if (statusCode === 401 && !hasRenewed && credentials.renews(token, headers)) {
        hasRenewed = true;
        continue;
      }
      if (isSuccess(statusCode) && hasMoved) credentials.use(place);
      if (isSuccess(statusCode)) credentials.seen(headers);
      const content = contentOf(outcome.reply, expected);
      if (content !== undefined) return content;
      throw orEarlier(refusalOf(server, message, outcome.reply, expected.what), maybeProcessed);
    }
    if (!outcome.stale) {
      server.outage.failed(outcome.failure);
      throw orEarlier(outcome.failure, maybeProcessed);
    }
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
  server: Server,
  message: Pick<HttpRequest, 'method' | 'path'>,
  { statusCode, retryAfterMs, body }: Reply,
  what: string,
): RequestError {
  const label = labelOf(server, message);
  const text = server.credentials.hiddenIn(body.toString('utf8'));
  if (isSuccess(statusCode)) {
    return new RequestError(`${label}: expected ${what}, got ${excerpt(text)}`, {
      code: 'InvalidReply',
      statusCode,
      body: text.slice(0, MAX_ERROR_BODY_BYTES),
      maybeProcessed: true,
    });
  }
  const json = parsed(text);
  const { code, message: said } = described(json);
  const problem = code === undefined ? `expected status 200, got ${statusCode}` : `${statusCode} ${code}`;
  return new RequestError(`${label}: ${problem}: ${said ?? excerpt(text)}`, {
    code: code ?? 'UnexpectedStatus',
    restCode: code,
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
