import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { RedactBody, RedactReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { FastifyRequest } from 'fastify';
import { errorsOf } from '../answers/error-schemas.js';
import { sendJson } from '../answers/json.js';
import type { Access } from '../plugins/access.js';

const schema = {
  operationId: 'redact',
  summary: 'Forget what events hold',
  description:
    'Takes `data` and `metadata` of these events out of the store, its indices and the memory of every server; readers get them with ' +
    '`redacted: true`. Answers what became of each. Sent again it answers the same, and does what was left if it was broken off.',
  tags: ['management'],
  body: RedactBody,
  response: { 200: RedactReply, ...errorsOf(400, 401, 404, 413, 415, 429, 503) },
};

const access: Access = {
  action: 'manage',
  channelOf: ({ body }: FastifyRequest<{ Body: RedactBody }>) => body.channel,
};

/** `POST /redactions` */
export const redact: FastifyPluginAsyncTypebox<{ store: Pick<EventStore, 'redact'> }> = async (
  fastify,
  { store },
) => {
  fastify.post('/redactions', { config: { access }, schema }, async (request, reply) => {
    const { channel, ids } = request.body;
    const results: RedactReply['results'] = (await store.redact(channel, ids)).map(({ id, isRedacted }) =>
      isRedacted ? { id, redacted: true } : { id, error: noEvent(channel, id) },
    );
    return sendJson(reply, JSON.stringify({ results }));
  });
};

function noEvent(channel: string, id: number) {
  const message = `Channel ${JSON.stringify(channel)} has no event ${id}: it was dropped, or never given`;
  return { code: 'ResourceNotFound', message };
}
