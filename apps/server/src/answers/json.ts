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
  return sendJson(withPageHeaders(reply, page, after), page.json);
}

/** With the headers of a page, however its events are sent. */
export function withPageHeaders(reply: FastifyReply, page: EventPage, after?: number): FastifyReply {
  for (const [name, value] of pageHeaders(page)) reply.header(name, value);
  if (page.rewoundTo !== undefined) reply.header(REWOUND_HEADER, `${after}; ${page.rewoundTo}`);
  return reply;
}

/** The headers that tell the bounds and the epoch of a page. */
export function pageHeaders({ firstId, lastId, epoch }: EventPage): [name: string, value: string][] {
  const bounds: [string, string][] = [
    [FIRST_ID_HEADER, `${firstId}`],
    [LAST_ID_HEADER, `${lastId}`],
  ];
  return epoch === '' ? bounds : [...bounds, [EPOCH_HEADER, epoch]];
}
