import type { FastifyReply } from 'fastify';

/** Begins an answer that goes on until its client goes, or the server does; what follows is written to `reply.raw`. */
export function sendStreamHead(reply: FastifyReply, contentType: string): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.raw.writeHead(200, {
    'Content-Type': `${contentType}; charset=utf-8`,
    'Cache-Control': 'no-store',
    // A server that stops wants no connection that is kept alive.
    Connection: 'close',
    'X-Accel-Buffering': 'no',
  });
}
