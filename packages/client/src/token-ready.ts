import { RequestError } from './errors.js';
import { type HttpRequest, labelOf, messageOf } from './http-exchange.js';
import type { Server } from './options.js';

/**
 * Resolves once a request has the token that it is to carry; undefined if it can be sent at once.
 *
 * @throws RequestError (as a rejection) `TokenUnavailable`, or that its time is over
 */
export function tokenReady(
  server: Server,
  message: Pick<HttpRequest, 'method' | 'path' | 'timeoutMs' | 'signal'>,
): Promise<void> | undefined {
  const { timeoutMs, signal } = message;
  // What is aborted already is not sent, and says so.
  const ready = signal?.aborted ? undefined : server.credentials.ready();
  if (ready === undefined) return undefined;
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      settle();
    };
    const fail = (problem: string, code: string, cause?: unknown) => {
      const failure = { code, maybeProcessed: false, cause };
      end(() => reject(new RequestError(`${labelOf(server, message)}: ${problem}`, failure)));
    };
    const aborted = () => fail('the client was closed', 'Closed');
    const timer = setTimeout(() => fail(`no token within ${timeoutMs} ms`, 'Timeout'), timeoutMs);
    signal?.addEventListener('abort', aborted);
    ready.then(
      () => end(resolve),
      (cause: unknown) => fail(`no token: ${messageOf(cause)}`, 'TokenUnavailable', cause),
    );
  });
}
