import { EPOCH_HEADER, FIRST_ID_HEADER, LAST_ID_HEADER, REWOUND_HEADER } from '@ganomede/events-protocol';
import type { EventPage } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';

/** Answers with JSON that is text already. */
export function sendJson(reply: FastifyReply, json: string | Buffer): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(json);
}

/**
 * Answers with the events as they were stored, the bounds of their channel and their epoch. `after`: the cursor that was
 * read by.
 */
export function sendPage(reply: FastifyReply, page: EventPage, after?: number): FastifyReply {
  const { firstId, lastId, epoch, rewoundTo } = page;
  reply.header(FIRST_ID_HEADER, firstId).header(LAST_ID_HEADER, lastId);
  if (epoch !== '') reply.header(EPOCH_HEADER, epoch);
  if (rewoundTo !== undefined) reply.header(REWOUND_HEADER, `${after}; ${rewoundTo}`);
  return sendJson(reply, page.json);
}
