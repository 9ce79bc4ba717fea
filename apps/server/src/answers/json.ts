import { FIRST_ID_HEADER, LAST_ID_HEADER } from '@ganomede/events-protocol';
import type { EventBatch } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';

/** Answers with JSON that is text already. */
export function sendJson(reply: FastifyReply, json: string | Buffer): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(json);
}

/** Answers with the events as they were stored, and the position of their channel. */
export function sendBatch(reply: FastifyReply, batch: EventBatch): FastifyReply {
  reply.header(FIRST_ID_HEADER, batch.firstId).header(LAST_ID_HEADER, batch.lastId);
  return sendJson(reply, batch.json);
}
