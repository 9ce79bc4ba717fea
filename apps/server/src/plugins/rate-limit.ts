import fastifyRateLimit from '@fastify/rate-limit';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { readRate } from '../process/rate.js';

export interface RateLimitOptions {
  /** As `RATE_LIMIT`; undefined: none. */
  readonly rateLimit: string | undefined;
}

/**
 * Limits the requests of each sender who is known: by the subject of its token, or else, as many may share a secret, by its
 * address. A request counts once, when it comes, however long it waits and however much it brings: a poll, an event stream and a
 * batch are one each. What is beyond the limit is answered 429 with the time until the next window.
 */
export const rateLimit = fp(async (fastify: FastifyInstance, options: RateLimitOptions) => {
  if (options.rateLimit === undefined) return;
  const rate = readRate(options.rateLimit);
  if (rate === undefined) throw new TypeError('Invalid rateLimit: expected a rate such as 200/1s');
  const { count, windowMs } = rate;
  const take = fastify.createRateLimit({
    max: count,
    timeWindow: windowMs,
    keyGenerator: ({ eventsIdentity: identity, ip }) =>
      identity?.subject === undefined ? fastifyRateLimit.normalizeIP(ip) : `subject ${identity.subject}`,
  });
  fastify.decorate('limitRate', async (request: FastifyRequest) => {
    // Who has hung up meanwhile has no address any more, and sees no answer.
    if (request.socket.remoteAddress === undefined) return;
    const taken = await take(request);
    if (taken.isAllowed || !taken.isExceeded) return;
    throw new EventsError(
      'TooManyRequests',
      `Too many requests: expected at most ${options.rateLimit} (RATE_LIMIT)`,
      { retryAfterS: Math.max(1, taken.ttlInSeconds) },
    );
  });
});

declare module 'fastify' {
  interface FastifyInstance {
    /** A `preValidation` hook for who is authenticated; undefined if nobody is limited. */
    limitRate?(request: FastifyRequest): Promise<void>;
  }
}
