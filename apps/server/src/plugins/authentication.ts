import { createHash, timingSafeEqual } from 'node:crypto';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/**
 * `authenticate(route)` refuses who does not know the secret: `Authorization: Bearer`, the query, or the body.
 * Where the header or the query has it, the body need not be read first.
 */
export const authentication = fp(async (fastify: FastifyInstance, { apiSecret }: { apiSecret: string }) => {
  const expected = digest(apiSecret);
  const matches = (candidate: unknown) =>
    typeof candidate === 'string' && timingSafeEqual(digest(candidate), expected);

  fastify.decorate('authenticate', async (request: FastifyRequest) => {
    const { query, body } = request as { query: Secretive; body: Secretive | undefined | null };
    if (matches(bearer(request.headers.authorization)) || matches(query.secret) || matches(body?.secret))
      return;
    throw new EventsError('InvalidCredentialsError', 'Invalid credentials');
  });
});

interface Secretive {
  secret?: unknown;
}

/** Equal lengths, so that the comparison takes the same time whatever was sent. */
function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function bearer(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +(.+)$/i.exec(header)?.[1];
}

declare module 'fastify' {
  interface FastifyInstance {
    /** A `preValidation` hook: before the request is checked in any other way. */
    authenticate(request: FastifyRequest): Promise<void>;
  }
}
