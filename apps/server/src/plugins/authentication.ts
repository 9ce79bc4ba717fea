import { createHash, timingSafeEqual } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Failed attempts per address before they are answered with 429, and the time after which they are forgotten. */
const MAX_FAILURES = 20;
const FAILURE_WINDOW_MS = 60_000;

export interface AuthenticationOptions {
  /** Every secret that is accepted. */
  readonly secrets: readonly string[];
  /** Whether a secret may stand in a URL. */
  readonly allowQuerySecret: boolean;
}

/**
 * `authenticate` refuses who does not know a secret: `Authorization: Bearer`, the query, or the body.
 * Failures are limited per address; who knows the secret is never held up by them.
 */
export const authentication = fp(async (fastify: FastifyInstance, options: AuthenticationOptions) => {
  const accepted = options.secrets.map(digest);
  const matches = (candidate: unknown) => {
    if (typeof candidate !== 'string') return false;
    const given = digest(candidate);
    return accepted.some((secret) => timingSafeEqual(given, secret));
  };

  await fastify.register(rateLimit, { global: false, max: MAX_FAILURES, timeWindow: FAILURE_WINDOW_MS });
  const countFailure = fastify.createRateLimit();

  fastify.addHook('onRoute', (route) => {
    if (route.preValidation === fastify.authenticate) {
      route.schema = { ...route.schema, security: [{ bearer: [] }, { query: [] }] };
    }
  });

  fastify.decorate('authenticate', async (request: FastifyRequest) => {
    const { query, body } = request as { query: Secretive; body: Secretive | undefined | null };
    if (matches(bearer(request.headers.authorization)) || matches(body?.secret)) return;
    if (options.allowQuerySecret && matches(query.secret)) return;

    const failures = await countFailure(request);
    if (!failures.isAllowed && failures.isExceeded) {
      throw new EventsError('TooManyRequests', 'Too many requests with invalid credentials', {
        retryAfterS: failures.ttlInSeconds,
      });
    }
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
