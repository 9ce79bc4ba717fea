import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';

/** What a request does: `work` is to receive and settle events of a group, `observe` to see how things are. */
export type Action = 'publish' | 'read' | 'observe' | 'manage' | 'work';

/** Who sends a request. */
export interface Identity {
  /** Whom its token is about, if it has sent one. */
  readonly subject?: string | undefined;
  /**
   * Checks whether it may do something with all of these channels, or, without any, with the server as a whole.
   *
   * @throws EventsError if it may not.
   */
  check(action: Action, channels: readonly string[]): void;
}

/** What the caller of a route has to be allowed to do. */
export type Access = { readonly action: Action } & (
  | {
      /** The channels that a request addresses, which is valid by the schema of its route. */
      channelOf(request: FastifyRequest): string | readonly string[];
    }
  | {
      /**
       * `server`: no channel, but the server as a whole. `looked up`: only the store knows the channel, so that the
       * handler calls `request.checkEventsAccess` once it knows it too, before it answers.
       */
      readonly channelOf: 'server' | 'looked up';
    }
);

/**
 * Lets a request reach its handler if its sender may do what the route does: `config.access`, which every route has to
 * have; `open` is for everybody. The sender is known before anything else is checked (`authenticate`); what it may do
 * with a channel is decided once the request is valid, as before that there is no channel to trust.
 */
export const access = fp(async (fastify: FastifyInstance) => {
  fastify.decorateRequest('checkEventsAccess', function (this: FastifyRequest, channel: string) {
    const { access } = this.routeOptions.config;
    if (access !== undefined && access !== 'open') check(this, access.action, [channel]);
  });

  const undecided: RouteOptions[] = [];
  fastify.addHook('onRoute', (route) => {
    const access = route.config?.access;
    if (access === undefined) undecided.push(route);
    if (access === 'open' && route.schema !== undefined) route.schema = { ...route.schema, security: [] };
    if (access === undefined || access === 'open') return;
    const { action, channelOf } = access;
    route.schema = { ...route.schema, security: [{ bearer: [] }, { query: [] }] };
    route.preValidation = [
      fastify.authenticate,
      ...(fastify.limitRate ? [fastify.limitRate] : []),
      ...[route.preValidation ?? []].flat(),
    ];
    if (channelOf === 'looked up') return;
    const channelsOf = (request: FastifyRequest) => {
      const channels = channelOf === 'server' ? [] : channelOf(request);
      return typeof channels === 'string' ? [channels] : channels;
    };
    route.preHandler = [
      (request, _reply, done) => {
        check(request, action, channelsOf(request));
        done();
      },
      ...[route.preHandler ?? []].flat(),
    ];
  });
  // Not before: the scope of somebody else's routes may still have opened them, in a hook after this one.
  fastify.addHook('onReady', async () => {
    const forgotten = undecided.find(({ config }) => config?.access !== 'open');
    if (forgotten === undefined) return;
    const { method, url } = forgotten;
    throw new TypeError(
      `Invalid route ${method} ${url}: expected config.access, "open" for everybody; got none`,
    );
  });
});

function check(
  { eventsIdentity: identity }: FastifyRequest,
  action: Action,
  channels: readonly string[],
): void {
  if (identity === null) throw new TypeError('Nobody was authenticated');
  identity.check(action, channels);
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route. */
    access?: Access | 'open';
  }
  interface FastifyRequest {
    /** Who sends it; null on routes that are open to everybody. */
    eventsIdentity: Identity | null;
    /**
     * For a route whose channel is looked up: checks that the sender may do with it what the route does.
     *
     * @throws EventsError if it may not.
     */
    checkEventsAccess(channel: string): void;
  }
}
