import { Socket } from 'node:net';
import type { EventPage } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import type { Lifecycle } from '../plugins/stopping.js';
import { pageHeaders, sendJson, sendPage } from './json.js';

export interface DirectAnswersOptions {
  /** Whether answers may go past Fastify's reply: only if nobody else has added `onSend` hooks, which would not see them. */
  readonly direct: boolean;
  readonly lifecycle: Lifecycle;
}

/** A larger body is sent as the buffer that it is: in one piece with its head it would have to be copied, which takes longer. Bytes. */
const LARGEST_BODY = 8 * 1024;

/** What all who get a page get in the same second: the end of the head, and the body. */
interface RenderedPage {
  readonly page: EventPage;
  readonly date: string;
  readonly text: string;
}

/**
 * The answers that a server gives most often, to publishes, polls and acknowledgements. Of a short one, its head takes nearly half of the time that
 * Fastify and Node.js need, so a plain one is rendered here and written in one piece; what is the same for all who get a
 * page, once for all of them. It has the bytes that Fastify would have sent, and counts, is timed and logged as every
 * other. Whatever is not plain goes through Fastify.
 */
export class DirectAnswers {
  readonly #options: DirectAnswersOptions;
  #second = 0;
  #date = '';
  /** The last one that was rendered. */
  #rendered: RenderedPage | undefined;

  constructor(options: DirectAnswersOptions) {
    this.#options = options;
  }

  /** Answers with JSON that is text already. */
  sendJson(reply: FastifyReply, json: string): FastifyReply {
    // In other texts a character is not a byte.
    const isPlain = json.length <= LARGEST_BODY && Buffer.byteLength(json) === json.length;
    const head = isPlain ? this.#headOf(reply) : undefined;
    if (head === undefined) return sendJson(reply, json);
    return finish(reply, `${head}${this.#restOfHead(reply, json.length)}${json}`);
  }

  /** Answers with a page; `after`: the cursor that was read by. */
  sendPage(reply: FastifyReply, page: EventPage, after: number): FastifyReply {
    const isPlain = page.rewoundTo === undefined && page.json.length <= LARGEST_BODY;
    const head = isPlain ? this.#headOf(reply) : undefined;
    if (head === undefined) return sendPage(reply, page, after);
    return finish(reply, head + this.#renderedOf(reply, page));
  }

  /**
   * The beginning of a head, with the headers that are set already, as `X-Request-Id`. Undefined if the answer is none that is
   * rendered here: its connection does not stay open or another answer is still to go out on it, say.
   */
  #headOf(reply: FastifyReply): string | undefined {
    const { raw, request } = reply;
    const { direct, lifecycle } = this.#options;
    if (!direct || lifecycle.stopping) return undefined;
    if (!raw.shouldKeepAlive || !(raw.socket instanceof Socket) || request.raw.httpVersion !== '1.1')
      return undefined;
    const { keepAliveTimeout, maxRequestsPerSocket } = reply.server.server;
    if (raw.statusCode !== 200 || !raw.sendDate || keepAliveTimeout <= 0 || maxRequestsPerSocket)
      return undefined;
    // Those that went past Fastify already are Node.js's to send.
    if (raw.getHeaderNames().length > 0) return undefined;
    const headers = reply.getHeaders();
    let head = 'HTTP/1.1 200 OK\r\n';
    for (const name in headers) {
      const value = headers[name];
      if (typeof value !== 'string' || !PLAIN.test(value) || FRAMING.has(name)) return undefined;
      head += `${name}: ${value}\r\n`;
    }
    return head;
  }

  #renderedOf(reply: FastifyReply, page: EventPage): string {
    const date = this.#dateNow();
    const last = this.#rendered;
    if (last?.page === page && last.date === date) return last.text;
    let head = '';
    // Fastify sends the names of headers so too.
    for (const [name, value] of pageHeaders(page)) head += `${name.toLowerCase()}: ${value}\r\n`;
    head += this.#restOfHead(reply, page.json.length);
    // Flat, so that not everybody who gets it puts its pieces together.
    const text = Buffer.concat([Buffer.from(head, 'latin1'), page.json]).toString('latin1');
    this.#rendered = { page, date, text };
    return text;
  }

  #restOfHead(reply: FastifyReply, length: number): string {
    const { keepAliveTimeout } = reply.server.server;
    return (
      `content-type: application/json; charset=utf-8\r\ncontent-length: ${length}\r\n` +
      `Date: ${this.#dateNow()}\r\nConnection: keep-alive\r\n` +
      `Keep-Alive: timeout=${Math.floor(keepAliveTimeout / 1000)}\r\n\r\n`
    );
  }

  #dateNow(): string {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = new Date(now).toUTCString();
    }
    return this.#date;
  }
}

const PLAIN = /^[\t\x20-\x7e]*$/;
const FRAMING = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
]);

/** Writes an answer, a character a byte, and ends it; the hooks that come after an answer run as ever. */
function finish(reply: FastifyReply, text: string): FastifyReply {
  reply.hijack();
  const { raw } = reply;
  // What Node.js itself puts before a body: if there is something it renders no head. Not a public property, but there since
  // its beginnings; a test compares what is sent.
  (raw as unknown as { _header: string })._header = text;
  raw.end();
  return reply;
}
