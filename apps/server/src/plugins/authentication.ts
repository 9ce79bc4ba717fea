import { timingSafeEqual } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import fp from 'fastify-plugin';
import type { Identity } from './access.js';

/** Failed attempts per address before they are answered with 429, and the time after which they are forgotten. */
const MAX_FAILURES = 20;
const FAILURE_WINDOW_MS = 60_000;

export interface AuthenticationOptions {
  /** Every secret that is accepted. */
  readonly secrets: readonly string[];
  /** Whether a secret may stand in a URL. */
  readonly allowQuerySecret: boolean;
}

/** Whoever knows the secret may do everything. */
const HOLDER_OF_SECRET: Identity = { check: () => undefined };

/**
 * `authenticate` finds out who sends a request, by the secret in `Authorization: Bearer`, the query, or the body, and
 * refuses everybody else. Failures are limited per address; whoever knows the secret is never held up by them.
 */
export const authentication = fp(async (fastify: FastifyInstance, options: AuthenticationOptions) => {
  const accepted = options.secrets.map(equals);
  const matches = (candidate: unknown) =>
    typeof candidate === 'string' && accepted.some((equalsSecret) => equalsSecret(candidate));

  await fastify.register(rateLimit, { global: false, max: MAX_FAILURES, timeWindow: FAILURE_WINDOW_MS });
  const countFailure = fastify.createRateLimit();

  const knowsSecret = (request: FastifyRequest) => {
    const { query, body } = request as { query: Secretive; body: Secretive | undefined | null };
    if (matches(bearer(request.headers.authorization)) || matches(body?.secret)) return true;
    return options.allowQuerySecret && matches(query.secret);
  };
  const refuse = async (request: FastifyRequest) => {
    // Who has hung up meanwhile has no address any more, and sees no answer.
    if (request.socket.remoteAddress === undefined) {
      throw new EventsError('InvalidCredentialsError', 'Invalid credentials');
    }
    const failures = await countFailure(request);
    if (!failures.isAllowed && failures.isExceeded) {
      throw new EventsError('TooManyRequests', 'Too many requests with invalid credentials', {
        retryAfterS: failures.ttlInSeconds,
      });
    }
    throw new EventsError('InvalidCredentialsError', 'Invalid credentials');
  };

  fastify.decorateRequest('eventsIdentity', null);
  fastify.decorate('authenticate', (request, _reply, done) => {
    if (knowsSecret(request)) {
      request.eventsIdentity = HOLDER_OF_SECRET;
      done();
    } else {
      refuse(request).catch(done);
    }
  });
});

interface Secretive {
  secret?: unknown;
}

/** Compares with a secret, in a time that tells nothing about it but its length. */
function equals(secret: string): (candidate: string) => boolean {
  const expected = Buffer.from(secret);
  return (candidate) => {
    const given = Buffer.from(candidate);
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
}

function bearer(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +(.+)$/i.exec(header)?.[1];
}

declare module 'fastify' {
  interface FastifyInstance {
    /** A `preValidation` hook, before the request is checked in any other way: sets its `eventsIdentity` or refuses it. */
    authenticate(request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void;
  }
}
