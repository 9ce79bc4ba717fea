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
      if (body.trimStart().startsWith('{')) {
        parseJson(request, body, done);
        return;
      }
      const form: Record<string, unknown> = { ...parse(body) };
      if (typeof form.data !== 'string') {
        done(null, form);
        return;
      }
      // Data has no other form there than JSON text.
      parseJson(request, form.data, (error, data) => done(error, { ...form, data }));
    },
  );
});
