import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DEFAULT_LIMIT } from '@ganomede/events-protocol';
import { RedriveBody, RedriveReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../../answers/error-schemas.js';
import { sendJson } from '../../answers/json.js';
import type { Access } from '../../plugins/access.js';

export interface RedriveOptions {
  readonly store: Pick<EventStore, 'redrive'>;
  readonly maxLimit: number;
}

const schema = {
  operationId: 'redrive',
  summary: 'Hand out dead letters again',
  description:
    'Those of the events with these `ids`, or the oldest, at most `limit`: as if they had not been delivered yet. Ids that are ' +
    'those of no dead letter are left out of the answer.',
  tags: ['groups'],
  body: RedriveBody,
  response: { 200: RedriveReply, ...errorsOf(400, 401, 404, 413, 415, 429, 503) },
};

const access: Access = {
  action: 'manage',
  channelOf: ({ body }: FastifyRequest<{ Body: RedriveBody }>) => body.channel,
};

/** `POST /groups/redrive` */
export const redrive: FastifyPluginAsyncTypebox<RedriveOptions> = async (fastify, { store, maxLimit }) => {
  fastify.post('/groups/redrive', { config: { access }, schema }, async ({ body }, reply) => {
    const { channel, group, ids, limit = ids?.length ?? DEFAULT_LIMIT } = body;
    const redriven = await store.redrive(channel, group, { ids, limit: Math.min(limit, maxLimit) });
    return sendJson(reply, JSON.stringify({ ids: redriven }));
  });
};
