import { timingSafeEqual } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import fp from 'fastify-plugin';
import { isOfPage, tokenInCookie } from '../tokens/token-cookie.js';
import { looksLikeToken, TokenRefusal, type TokenVerifier } from '../tokens/token-verifier.js';
import type { Identity } from './access.js';

/** Failed attempts per address before they are answered with 429, and the time after which they are forgotten. */
const MAX_FAILURES = 20;
const FAILURE_WINDOW_MS = 60_000;

export interface AuthenticationOptions {
  /** Every secret that is accepted. */
  readonly secrets: readonly string[];
  /** Whether a secret, or a token, may stand in a URL. */
  readonly allowQuerySecret: boolean;
  /** Undefined: no tokens are accepted. */
  readonly tokens: TokenVerifier | undefined;
  /** Of pages that may use the token of a cookie, beside those of this server's own host. */
  readonly origins: readonly string[];
}

/** Whoever knows the secret may do everything. */
const HOLDER_OF_SECRET: Identity = {
  expiresAt: Number.POSITIVE_INFINITY,
  may: () => true,
  channelsFor: () => [{ text: '', isPrefix: true }],
};

/**
 * `authenticate` finds out who sends a request, by the secret or a token in `Authorization: Bearer`, the query, or the body, or by a token
 * in a cookie, and refuses everybody else. Failures are limited per address; whoever knows the secret, or has a token, is never held
 * up by them.
 */
export const authentication = fp(async (fastify: FastifyInstance, options: AuthenticationOptions) => {
  const { tokens, origins } = options;
  const accepted = options.secrets.map(equals);
  const isSecret = (candidate: string) => accepted.some((equalsSecret) => equalsSecret(candidate));

  await fastify.register(rateLimit, { global: false, max: MAX_FAILURES, timeWindow: FAILURE_WINDOW_MS });
  const countFailure = fastify.createRateLimit();

  const credentialsOf = (request: FastifyRequest) => {
    const { query, body } = request as { query: Secretive; body: Secretive | undefined | null };
    const places = [bearer(request.headers.authorization), body?.secret];
    if (options.allowQuerySecret) places.push(query.secret);
    return places.filter((place) => typeof place === 'string');
  };
  const tokenOf = ({ headers }: FastifyRequest, credentials: readonly string[]) => {
    if (credentials.length > 0) return credentials.find(looksLikeToken);
    const token = tokenInCookie(headers);
    if (token === undefined || isOfPage(headers, origins)) return token;
    throw new TokenRefusal('that of a cookie is only taken of pages of this host, or of CORS_ORIGIN', true);
  };
  const refuse = async (request: FastifyRequest, error: Error): Promise<never> => {
    // What somebody has signed is not guessed. Who has hung up meanwhile has no address any more, and sees no answer.
    const isGuess = !(error instanceof TokenRefusal) || error.isForged;
    if (!isGuess || request.socket.remoteAddress === undefined) throw error;
    const failures = await countFailure(request);
    if (failures.isAllowed || !failures.isExceeded) throw error;
    throw new EventsError('TooManyRequests', 'Too many requests with invalid credentials', {
      retryAfterS: failures.ttlInSeconds,
    });
  };
  const identify = async (request: FastifyRequest, credentials: readonly string[]) => {
    try {
      const token = tokens && tokenOf(request, credentials);
      if (token === undefined) throw new EventsError('InvalidCredentialsError', 'Invalid credentials');
      request.eventsIdentity = tokens?.known(token) ?? (await tokens?.verify(token)) ?? null;
    } catch (error) {
      if (error instanceof EventsError && error.status === 401) await refuse(request, error);
      throw error;
    }
  };

  fastify.decorateRequest('eventsIdentity', null);
  fastify.decorate('authenticate', (request, _reply, done) => {
    const credentials = credentialsOf(request);
    const [first] = credentials;
    // Most requests are decided without a promise.
    const known = first === undefined ? undefined : tokens?.known(first);
    if (known !== undefined || credentials.some(isSecret)) {
      request.eventsIdentity = known ?? HOLDER_OF_SECRET;
      done();
    } else {
      identify(request, credentials).then(() => done(), done);
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
