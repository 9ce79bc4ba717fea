import { type Action, EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyRequest, FastifySchema, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import { errorsOf } from '../answers/error-schemas.js';

/** Something that is done with a channel. */
export interface Deed {
  readonly action: Action;
  readonly channel: string;
  /** As whom, and in which group; undefined if it names nobody, and none. */
  readonly clientId?: string | undefined;
  readonly group?: string | undefined;
}

/** One channel, or with `isPrefix` all whose names begin so. */
export interface ChannelNames {
  readonly text: string;
  readonly isPrefix: boolean;
}

/** Who sends a request. */
export interface Identity {
  /** Whom its token is about, if it has sent one. */
  readonly subject?: string | undefined;
  /** Until when it is that, milliseconds since the Unix epoch; perhaps infinite. */
  readonly expiresAt: number;
  may(deed: Deed): boolean;
  /** The channels with all of which it may do something; those of which it may see one type alone are not among them. */
  channelsFor(action: Action): readonly ChannelNames[];
}

/** What the caller of a route has to be allowed to do. */
export type Access = { readonly action: Action } & (
  | {
      /** The channels that a request addresses, which is valid by the schema of its route. */
      channelOf(request: FastifyRequest): string | readonly string[];
    }
  | {
      /**
       * `listed`: no channel, and the answer lists those that the sender may see, which the handler sees to. `each entry`, `looked up`:
       * each entry of the request has its own, or only the store knows it, so that the handler calls
       * `request.checkEventsAccess` for each, before anything is done or answered.
       */
      readonly channelOf: 'listed' | 'each entry' | 'looked up';
    }
);

/** What the requests of a route may name beside channels. */
const NAMES = ['clientId', 'group'] as const;

/** Those that a route has, by its schema: they are looked at wherever they are. */
export function namesIn(schema: FastifySchema | undefined): (typeof NAMES)[number][] {
  type Fields = { anyOf?: Fields[]; properties?: object };
  const fields = (schema?.body ?? schema?.querystring ?? {}) as Fields;
  return NAMES.filter((name) =>
    (fields.anyOf ?? [fields]).some(({ properties = {} }) => Object.hasOwn(properties, name)),
  );
}

/**
 * Lets a request reach its handler if its sender may do what the route does: `config.access`, which every route has to
 * have; `open` is for everybody. The sender is known before anything else is checked (`authenticate`); what it may do
 * with a channel is decided once the request is valid, as before that there is no channel to trust.
 */
export const access = fp(async (fastify: FastifyInstance) => {
  fastify.decorateRequest('checkEventsAccess');

  const undecided: RouteOptions[] = [];
  fastify.addHook('onRoute', (route) => {
    const access = route.config?.access;
    if (access === undefined) undecided.push(route);
    if (access === 'open' && route.schema !== undefined) route.schema = { ...route.schema, security: [] };
    if (access === undefined || access === 'open') return;
    const names = namesIn(route.schema);
    const isInBody = route.schema?.body !== undefined;
    route.schema = {
      ...route.schema,
      security: [{ bearer: [] }, { query: [] }],
      response: { ...(route.schema?.response as object), ...errorsOf(403) },
    };
    route.preValidation = [
      fastify.authenticate,
      ...(fastify.limitRate ? [fastify.limitRate] : []),
      ...[route.preValidation ?? []].flat(),
    ];
    route.preHandler = [
      (request, _reply, done) => {
        const named = (isInBody ? request.body : request.query) as Record<string, string>;
        check(request, access, Object.fromEntries(names.map((name) => [name, named[name]])));
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

/** @throws EventsError `InsufficientScope` */
function check(request: FastifyRequest, access: Access, names: Pick<Deed, 'clientId' | 'group'>): void {
  const { eventsIdentity: identity } = request;
  if (identity === null) throw new TypeError('Nobody was authenticated');
  const { action, channelOf } = access;
  const checkChannel = (channel: string) => {
    if (identity.may({ action, channel, ...names })) return;
    // The channel of an index is not told to whoever may not read it.
    throw insufficient(action, channelOf === 'looked up' ? 'its channel' : JSON.stringify(channel), names);
  };
  if (channelOf === 'listed') {
    if (identity.channelsFor(action).length === 0) throw insufficient(action, 'any channel', names);
  } else if (typeof channelOf === 'string') {
    request.checkEventsAccess = checkChannel;
  } else {
    const channels = channelOf(request);
    for (const channel of typeof channels === 'string' ? [channels] : channels) checkChannel(channel);
  }
}

function insufficient(action: Action, what: string, { clientId, group }: Pick<Deed, 'clientId' | 'group'>) {
  const as = clientId === undefined ? '' : ` as ${JSON.stringify(clientId)}`;
  const within = group === undefined ? '' : ` in group ${JSON.stringify(group)}`;
  const verb = action === 'publish' ? 'publish to' : action === 'work' ? 'work on' : action;
  return new EventsError('InsufficientScope', `The token gives no right to ${verb} ${what}${as}${within}`);
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
     * For a route whose channels the handler knows: checks that the sender may do with one what the route does.
     *
     * @throws EventsError `InsufficientScope`
     */
    checkEventsAccess(channel: string): void;
  }
}
