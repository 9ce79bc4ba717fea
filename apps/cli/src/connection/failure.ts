import { RequestError } from '@ganomede/events-client';
import { EventsError } from '@ganomede/events-protocol';
import { CliError } from '../terminal/cli-error.js';
import { EXIT, type ExitCode } from '../terminal/exit-codes.js';
import { printable } from '../terminal/printable.js';

/** What a person is told of a failure, in a sentence, and what the command ends with. Undefined: a fault of this program. `url`: of the server. */
export function failureOf(
  error: unknown,
  url: () => string,
): { readonly message: string; readonly exitCode: ExitCode } | undefined {
  if (error instanceof CliError) return error;
  if (error instanceof RequestError) return refusal(error, url());
  // Of a store that this program has opened.
  if (error instanceof EventsError) {
    const isAway = error.code === 'ServiceUnavailable';
    return { message: sentence(printable(error.message)), exitCode: isAway ? EXIT.unavailable : EXIT.failed };
  }
  // An address or a prefix of a store; those of JavaScript expect nothing.
  if (error instanceof RangeError && /^Invalid [\w ]+: expected /.test(error.message))
    return { message: sentence(printable(error.message)), exitCode: EXIT.usage };
  // What the client refuses to send, and what the system does not let us do with a file.
  if (error instanceof TypeError && /^Invalid \w/.test(error.message))
    return { message: `${error.message}.`, exitCode: EXIT.usage };
  if (error instanceof Error && 'syscall' in error)
    return { message: `${error.message}.`, exitCode: EXIT.failed };
  return undefined;
}

function refusal(error: RequestError, url: string): { message: string; exitCode: ExitCode } {
  const { code, statusCode } = error;
  const said = sentence(saidBy(error));
  if (statusCode === undefined) {
    return {
      message: `Cannot reach ${url} (${code}): is the server running, and is the address right? (--url, GANOMEDE_EVENTS_URL or a profile)`,
      exitCode: EXIT.unavailable,
    };
  }
  if (statusCode === 401) {
    return {
      message: `${url} does not take this secret or token: ${said} Check API_SECRET, GANOMEDE_EVENTS_TOKEN or the profile.`,
      exitCode: EXIT.refused,
    };
  }
  if (statusCode === 403) return { message: `Refused: ${said}`, exitCode: EXIT.refused };
  if (code === 'UnexpectedStatus' || code === 'InvalidReply') return strangeAnswer(statusCode, url);
  if (statusCode === 404) return { message: said, exitCode: EXIT.notFound };
  if (statusCode === 429 || statusCode === 503)
    return { message: `${url} cannot do it now: ${said} Try again later.`, exitCode: EXIT.unavailable };
  if (statusCode === 400) return { message: said, exitCode: EXIT.usage };
  return { message: said, exitCode: EXIT.failed };
}

/** Of something else than a server of this project: a proxy before one that is away, or a wrong address. What it says is a page for browsers. */
function strangeAnswer(statusCode: number, url: string): { message: string; exitCode: ExitCode } {
  if (statusCode >= 500 || statusCode === 429) {
    return {
      message: `${url} cannot do it now (status ${statusCode}). Try again later.`,
      exitCode: EXIT.unavailable,
    };
  }
  return {
    message: `${url} does not answer as a Ganomede Events server does (status ${statusCode}): is the address right? (--url, GANOMEDE_EVENTS_URL or a profile)`,
    exitCode: EXIT.usage,
  };
}

/** The words of the server, without where they come from. */
function saidBy({ body, message }: RequestError): string {
  const { message: said } = (typeof body === 'object' && body !== null ? body : {}) as { message?: unknown };
  return printable(typeof said === 'string' && said !== '' ? said : message);
}

const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);
