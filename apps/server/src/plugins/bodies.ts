import { parse } from 'node:querystring';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** What bodies may be: JSON, or form-encoded, and how large. */
export const bodies = fp(async (fastify: FastifyInstance, { maxBodyBytes }: { maxBodyBytes: number }) => {
  fastify.addHook('onRoute', (route) => {
    route.bodyLimit = maxBodyBytes;
  });
  const parseJson = fastify.getDefaultJsonParser('error', 'error');

  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser<string>(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (request, body, done) => {
      // `curl -d '{…}'` without a Content-Type calls its JSON a form.
      if (body.trimStart().startsWith('{')) parseJson(request, body, done);
      else done(null, readForm(body));
    },
  );
});

/** The fields of a form; `data`, which has no other form there, as JSON text. */
function readForm(body: string): Record<string, unknown> {
  const form: Record<string, unknown> = { ...parse(body) };
  if (typeof form.data === 'string') {
    try {
      form.data = JSON.parse(form.data);
    } catch {
      // Stays a text, which is no valid data.
    }
  }
  return form;
}
