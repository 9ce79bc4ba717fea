import { FIRST_ID_HEADER, LAST_ID_HEADER } from '@ganomede/events-protocol';
import type { EventPage } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';

/** Answers with JSON that is text already. */
export function sendJson(reply: FastifyReply, json: string | Buffer): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(json);
}

/** Answers with the events as they were stored, and the bounds of their channel. */
export function sendPage(reply: FastifyReply, page: EventPage): FastifyReply {
  reply.header(FIRST_ID_HEADER, page.firstId).header(LAST_ID_HEADER, page.lastId);
  return sendJson(reply, page.json);
}
