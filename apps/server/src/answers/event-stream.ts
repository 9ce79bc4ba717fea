import { once, setMaxListeners } from 'node:events';
import { type EventPage, type EventStore, headerOf } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import type { WaitingRequest } from './waiting-requests.js';

/** A comment is sent this often, so that neither end nor a proxy takes the connection for dead, milliseconds. */
const HEARTBEAT_MS = 15_000;
/** How soon the client is asked to come back after the stream has ended, milliseconds. */
const RETRY_MS = 1_000;
/** A reader that has not taken what was sent after this time is cut off, milliseconds; it resumes where it was. */
const SLOW_READER_MS = 15_000;
/** Most events read at a time, over all channels: bounds what is held for a slow reader. */
const READ_LIMIT = 100;

/** Where a stream is in each of its channels, in the order in which it was asked for them: the last event's id. */
export type StreamCursors = Map<string, number>;

/** What all event streams of a server share. */
export interface EventStreamContext {
  readonly store: Pick<EventStore, 'poll'>;
  /** How long to wait at the store at a time, milliseconds. */
  readonly pollTimeoutMs: number;
  readonly metrics: Pick<Metrics, 'delivered'>;
}

/**
 * The events of one or several channels as server-sent events, until it is stopped.
 *
 * The id of a message is the event's id, or, with several channels, the cursors in all of them in the order of the
 * request (`12,7`), so that the server need not remember anything; the message's name is then the channel.
 */
export class EventStream implements WaitingRequest {
  readonly #reply: FastifyReply;
  readonly #context: EventStreamContext;
  readonly #ended = new AbortController();
  /** While the reader has not taken what was sent: nothing more is read for it, in any channel. */
  #taken: Promise<void> | undefined;
  #failure: unknown;

  constructor(reply: FastifyReply, context: EventStreamContext) {
    this.#reply = reply;
    this.#context = context;
    // Each channel listens.
    setMaxListeners(0, this.#ended.signal);
  }

  stop(): void {
    this.#ended.abort();
  }

  /**
   * Resolves once the stream has ended. If its reader is too slow or the store fails, the connection is cut, and the
   * client resumes from the last id that it has seen.
   */
  async send(cursors: StreamCursors): Promise<void> {
    const { raw, log } = this.#reply;
    this.#sendHead();
    try {
      await this.#sendEvents(cursors);
      raw.end();
    } catch (error) {
      log.warn({ err: error }, 'an event stream ended early');
      raw.destroy();
    }
  }

  #sendHead(): void {
    const reply = this.#reply;
    reply.hijack();
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value);
    }
    reply.raw.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
  }

  async #sendEvents(cursors: StreamCursors): Promise<void> {
    const heartbeat = setInterval(() => this.#reply.raw.write(':\n\n'), HEARTBEAT_MS);
    try {
      this.#write(`retry: ${RETRY_MS}\n\n`);
      await Promise.all([...cursors.keys()].map((channel) => this.#follow(channel, cursors)));
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      this.stop();
      clearInterval(heartbeat);
    }
  }

  async #follow(channel: string, cursors: StreamCursors): Promise<void> {
    const { store, pollTimeoutMs, metrics } = this.#context;
    const { signal } = this.#ended;
    const limit = Math.ceil(READ_LIMIT / cursors.size);
    for (;;) {
      await this.#taken;
      if (signal.aborted) return;
      const after = cursors.get(channel) ?? 0;
      const page = await store.poll({ channel, after, limit }, { timeoutMs: pollTimeoutMs, signal });
      await this.#taken;
      if (page.count > 0) {
        this.#write(messages(page, channel, cursors));
        metrics.delivered.inc(page.count);
      } else if (page.lastId < after) {
        // The store has lost events; what it gets next is new.
        cursors.set(channel, page.lastId);
      }
    }
  }

  #write(text: string): void {
    if (this.#reply.raw.write(text)) return;
    this.#taken ??= this.#drained().finally(() => {
      this.#taken = undefined;
    });
  }

  /** Resolves once the reader has taken what was sent, or the stream has ended, also because that took too long. */
  async #drained(): Promise<void> {
    const { signal } = this.#ended;
    try {
      const tooSlow = AbortSignal.timeout(SLOW_READER_MS);
      await once(this.#reply.raw, 'drain', { signal: AbortSignal.any([signal, tooSlow]) });
    } catch (cause) {
      if (signal.aborted) return;
      this.#failure = new Error('The reader of an event stream is too slow', { cause });
      this.stop();
    }
  }
}

/** The events as messages; moves the cursors on. */
function messages(page: EventPage, channel: string, cursors: StreamCursors): string {
  const name = cursors.size > 1 ? `event: ${channel}\n` : '';
  let text = '';
  for (const event of page.texts) {
    cursors.set(channel, headerOf(event).id);
    text += `id: ${[...cursors.values()].join(',')}\n${name}data: ${event}\n\n`;
  }
  return text;
}

/** The cursors that a `Last-Event-ID` stands for; undefined if it is of no stream of these channels. */
export function parseLastEventId(
  lastEventId: string,
  channels: readonly string[],
): StreamCursors | undefined {
  const ids = lastEventId.split(',');
  if (ids.length !== channels.length || !ids.every((id) => /^\d{1,15}$/.test(id))) return undefined;
  return new Map(channels.map((channel, i) => [channel, Number(ids[i])]));
}
