import type { FastifyPluginAsync } from 'fastify';
import { sendJson } from '../answers/json.js';
import { asyncapiDocument } from '../formats/asyncapi-document.js';

/** `GET /asyncapi.json`: what events are and how they go in and out, as AsyncAPI 3. */
export const asyncapi: FastifyPluginAsync = async (fastify) => {
  const text = JSON.stringify(asyncapiDocument(fastify.prefix));
  const options = { config: { access: 'open' }, schema: { hide: true } } as const;
  fastify.get('/asyncapi.json', options, async (_request, reply) => sendJson(reply, text));
};
