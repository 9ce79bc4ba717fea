import { timingSafeEqual } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import fp from 'fastify-plugin';

/** Failed attempts per address before they are answered with 429, and the time after which they are forgotten. */
const MAX_FAILURES = 20;
const FAILURE_WINDOW_MS = 60_000;
/** At least so many bytes of a secret are compared. */
const LEAST_COMPARED = 256;

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
  const accepted = options.secrets.map(equals);
  const matches = (candidate: unknown) =>
    typeof candidate === 'string' && accepted.some((equalsSecret) => equalsSecret(candidate));

  await fastify.register(rateLimit, { global: false, max: MAX_FAILURES, timeWindow: FAILURE_WINDOW_MS });
  const countFailure = fastify.createRateLimit();

  fastify.addHook('onRoute', (route) => {
    if (route.preValidation === fastify.authenticate) {
      route.schema = { ...route.schema, security: [{ bearer: [] }, { query: [] }] };
    }
  });

  const isAllowed = (request: FastifyRequest) => {
    const { query, body } = request as { query: Secretive; body: Secretive | undefined | null };
    if (matches(bearer(request.headers.authorization)) || matches(body?.secret)) return true;
    return options.allowQuerySecret && matches(query.secret);
  };
  const refuse = async (request: FastifyRequest) => {
    const failures = await countFailure(request);
    if (!failures.isAllowed && failures.isExceeded) {
      throw new EventsError('TooManyRequests', 'Too many requests with invalid credentials', {
        retryAfterS: failures.ttlInSeconds,
      });
    }
    throw new EventsError('InvalidCredentialsError', 'Invalid credentials');
  };

  fastify.decorate('authenticate', (request, _reply, done) => {
    if (isAllowed(request)) done();
    else refuse(request).catch(done);
  });
});

interface Secretive {
  secret?: unknown;
}

/** Compares with a secret, in a time that tells nothing about it: padded to one length, a candidate that fits. */
function equals(secret: string): (candidate: string) => boolean {
  const expected = Buffer.from(secret);
  const padded = Buffer.alloc(Math.max(2 * expected.length, LEAST_COMPARED));
  expected.copy(padded);
  const given = Buffer.alloc(padded.length);
  return (candidate) => {
    // At most three bytes for each.
    if (3 * candidate.length > given.length && Buffer.byteLength(candidate) > given.length) return false;
    const length = given.fill(0).write(candidate);
    // Both are looked at: a zero at the end is a character too.
    return timingSafeEqual(given, padded) && length === expected.length;
  };
}

function bearer(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +(.+)$/i.exec(header)?.[1];
}

declare module 'fastify' {
  interface FastifyInstance {
    /** A `preValidation` hook: before the request is checked in any other way. */
    authenticate(request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void;
  }
}
