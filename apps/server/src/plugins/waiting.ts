import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { WaitingRequests } from '../answers/waiting-requests.js';

export interface WaitingRequestsOptions {
  /** How many polls and event streams may wait at a time. */
  readonly maxWaitingPolls: number;
}

/** Who may wait: so many at a time, as long as their clients listen and the server runs. */
export const waitingRequests = fp(
  async (fastify: FastifyInstance, { maxWaitingPolls }: WaitingRequestsOptions) => {
    const waiting = new WaitingRequests(maxWaitingPolls);
    fastify.decorate('waitingRequests', waiting);
    fastify.addHook('preClose', async () => waiting.stop());
  },
);

declare module 'fastify' {
  interface FastifyInstance {
    readonly waitingRequests: WaitingRequests;
  }
}
