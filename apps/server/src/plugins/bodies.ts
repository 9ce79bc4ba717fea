import { isUtf8 } from 'node:buffer';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { formFields } from './form-fields.js';

/** Takes what was read, or why it cannot be. */
type Done = (error: Error | null, body?: unknown) => void;

const FORM = 'application/x-www-form-urlencoded';

/** Fields of a form that are JSON texts. */
const JSON_FIELDS = ['data', 'metadata', 'expectedLastId'];

/** What bodies may be: JSON, or form-encoded, in UTF-8 and not compressed, and how large. */
export const bodies = fp(async (fastify: FastifyInstance, { maxBodyBytes }: { maxBodyBytes: number }) => {
  fastify.addHook('onRoute', (route) => {
    route.bodyLimit = maxBodyBytes;
  });
  const parseAnyJson = fastify.getDefaultJsonParser('error', 'error');
  const parseJson = (request: FastifyRequest, text: string, done: Done) => {
    parseAnyJson(request, text, (error, value) => done(error ?? unholdableNumber(text, value), value));
  };

  // What is no text has no other form there than JSON text.
  const parseFields = (
    request: FastifyRequest,
    form: Record<string, unknown>,
    [name, ...others]: readonly string[],
    done: Done,
  ) => {
    const text = name && form[name];
    if (name === undefined) done(null, form);
    else if (typeof text !== 'string') parseFields(request, form, others, done);
    else {
      parseJson(request, text, (error, value) => {
        if (error) done(error);
        else parseFields(request, { ...form, [name]: value }, others, done);
      });
    }
  };

  fastify.removeContentTypeParser(['text/plain', 'application/json']);
  const parseJsonBody = (request: FastifyRequest, body: Buffer, done: Done) => {
    const problem = encodingProblem(request, body);
    if (problem === undefined) parseJson(request, body.toString(), done);
    else done(problem);
  };
  fastify.decorate('parseJsonBody', parseJsonBody);
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, parseJsonBody);
  fastify.addContentTypeParser<Buffer>(FORM, { parseAs: 'buffer' }, (request, body, done) => {
    const problem = encodingProblem(request, body);
    if (problem !== undefined) {
      done(problem);
      return;
    }
    const text = body.toString();
    // `curl -d '{…}'` without a Content-Type calls its JSON a form.
    if (text.trimStart().startsWith('{')) {
      parseJson(request, text, done);
      return;
    }
    parseFields(request, formFields(text), JSON_FIELDS, done);
  });
});

declare module 'fastify' {
  interface FastifyInstance {
    /** Reads a body as JSON, whatever it is called. */
    parseJsonBody(request: FastifyRequest, body: Buffer, done: Done): void;
  }
}

/** Why a body cannot be read as text; undefined if it can. */
function encodingProblem({ headers }: FastifyRequest, body: Buffer): EventsError | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return unsupported(`Invalid Content-Encoding: expected none, got ${shown(encoding)}`);
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^(?:utf-?8|us-ascii)$/i.test(charset)) {
    return unsupported(`Invalid charset: expected utf-8, got ${shown(charset)}`);
  }
  if (isUtf8(body)) return undefined;
  return new EventsError('InvalidContent', 'Invalid body: expected UTF-8, got bytes that are none');
}

function unsupported(message: string): EventsError {
  return new EventsError('UnsupportedMediaType', message);
}

function shown(value: string): string {
  return JSON.stringify(value.slice(0, 40));
}

/**
 * In the text of every number that is too large: an exponent of three digits, or hundreds of digits. Those are looked for
 * once in each number: from each of its digits a body of a megabyte took a second.
 */
const PERHAPS_TOO_LARGE = /\d[eE]\+?\d{3}|(?<!\d)\d{200}/;

/** What is wrong if a number is too large for JSON's readers (`1e9999`): it would be stored as null. */
function unholdableNumber(text: string, value: unknown): EventsError | null {
  if (!PERHAPS_TOO_LARGE.test(text) || !hasInfinity(value)) return null;
  return new EventsError(
    'InvalidContent',
    'Invalid JSON: expected numbers up to 1.8e308, got a larger one, which JSON cannot hold',
  );
}

function hasInfinity(root: unknown): boolean {
  const values = [root];
  while (values.length > 0) {
    const value = values.pop();
    if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return true;
    // One after the other: an array may hold more than a call takes arguments.
    if (typeof value === 'object' && value !== null)
      for (const each of Object.values(value)) values.push(each);
  }
  return false;
}
