import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { EventStore } from '@ganomede/events-store';
import { errorsOf } from '../answers/error-schemas.js';
import { TemporaryRefusal } from '../answers/errors.js';
import type { Lifecycle } from '../plugins/stopping.js';

export interface HealthReadyOptions {
  readonly store: Pick<EventStore, 'ping'>;
  readonly lifecycle: Readonly<Lifecycle>;
}

const schema = {
  operationId: 'ready',
  summary: 'The server should get requests',
  tags: ['operations'],
  response: { 200: Type.Object({ status: Type.Literal('ready') }), ...errorsOf(503) },
};

/** `GET /health/ready` */
export const healthReady: FastifyPluginAsyncTypebox<HealthReadyOptions> = async (
  fastify,
  { store, lifecycle },
) => {
  fastify.get('/health/ready', { config: { access: 'open' }, schema }, async () => {
    if (lifecycle.stopping) throw new TemporaryRefusal('The server is stopping');
    await store.ping();
    return { status: 'ready' as const };
  });
};
