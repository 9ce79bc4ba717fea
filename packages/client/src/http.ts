import { attempt, type Call, type HttpTarget, labelOf, type Reply } from './attempt.js';
import { MAX_ERROR_BODY_BYTES, mayBeProcessed, RequestError } from './errors.js';

/** What a 200 reply has to be. */
export interface Expected<Content> {
  /** In words, for the message of the error. */
  readonly what: string;
  matches(content: unknown): content is Content;
}

/**
 * Sends one request and returns the JSON of a 200 reply, parsed and as `expected`. Settles only once the connection is
 * closed or back with its agent, so that nothing is left of a request that has ended.
 *
 * A GET that meets a kept-alive connection which the server has closed meanwhile is repeated at once on the next one:
 * each repetition uses up one idle connection, and a failure on a new one counts.
 *
 * @throws RequestError, always
 */
export async function request<Content>(
  target: HttpTarget,
  call: Call,
  expected: Expected<Content>,
): Promise<Content> {
  for (;;) {
    const outcome = await attempt(target, call);
    if ('reply' in outcome) return contentOf(outcome.reply, labelOf(target, call), expected);
    if (outcome.stale && call.method === 'GET') continue;
    throw outcome.failure;
  }
}

/** @throws RequestError where the status is not 200 or the content is not what was expected. */
function contentOf<Content>(reply: Reply, where: string, expected: Expected<Content>): Content {
  const { statusCode, retryAfterMs } = reply;
  const text = reply.body.toString('utf8');
  const content = parsed(text);
  if (statusCode === 200) {
    if (content !== undefined && expected.matches(content)) return content;
    throw new RequestError(`${where}: expected ${expected.what}, got ${excerpt(text)}`, {
      code: 'InvalidReply',
      statusCode,
      body: text.slice(0, MAX_ERROR_BODY_BYTES),
      maybeProcessed: true,
    });
  }
  const { code, message } = described(content);
  const problem = code === undefined ? `expected status 200, got ${statusCode}` : `${statusCode} ${code}`;
  throw new RequestError(`${where}: ${problem}: ${message ?? excerpt(text)}`, {
    code: code ?? 'UnexpectedStatus',
    statusCode,
    body: content ?? text.slice(0, MAX_ERROR_BODY_BYTES),
    maybeProcessed: mayBeProcessed(statusCode),
    retryAfterMs,
  });
}

/** Undefined where the text is not JSON. */
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
