import { setMaxListeners } from 'node:events';
import { type ConsumerCursor, type EventPage, type EventStore, headerOf } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import type { Reader, Untaken } from './untaken.js';
import type { WaitingRequest } from './waiting-requests.js';

/** How soon the client is asked to come back after the stream has ended, milliseconds. */
const RETRY_MS = 1_000;
/** Most events read at a time, over all channels. */
const READ_LIMIT = 100;
/** Read at first, when it is not known yet how large they are. */
const FIRST_READ_LIMIT = 8;

/** The name of the message that says so if the store came back older than what the stream has sent. */
const REWOUND_EVENT = 'events-rewound';

const HEARTBEAT = Buffer.from(':\n\n');
const MESSAGE_END = Buffer.from('\n\n');

/** Where a stream is in each of its channels, in the order in which it was asked for them: the last event's id. */
export type StreamCursors = Map<string, number>;

/** The saved cursor of the stream's consumer on each of its channels, in that order. */
export type SavedCursors = Map<string, ConsumerCursor>;

/** What all event streams of a server share. */
export interface EventStreamContext {
  readonly store: Pick<EventStore, 'poll' | 'saveCursor'>;
  /** How long to wait at the store at a time, milliseconds. */
  readonly pollTimeoutMs: number;
  readonly metrics: Pick<Metrics, 'delivered'>;
  readonly untaken: Untaken;
}

/**
 * The events of one or several channels as server-sent events, until it is stopped.
 *
 * The id of a message is the event's id, or, with several channels, the cursors in all of them in the order of the
 * request (`12,7`), so that the server need not remember anything; the message's name is then the channel.
 *
 * One piece is sent at a time. What is kept until the reader has taken it is bounded; the rest is read again.
 */
export class EventStream implements WaitingRequest, Reader {
  readonly #clientId: string;
  readonly #reply: FastifyReply;
  readonly #context: EventStreamContext;
  readonly #ended = new AbortController();
  /** While the reader has not taken what was sent; resolves once it has, or the stream has ended. */
  #taken: Promise<void> | undefined;
  #failure: unknown;

  constructor(clientId: string, reply: FastifyReply, context: EventStreamContext) {
    this.#clientId = clientId;
    this.#reply = reply;
    this.#context = context;
    // Each channel listens.
    setMaxListeners(0, this.#ended.signal);
  }

  stop(): void {
    this.#ended.abort();
  }

  cutOff(reason: string): void {
    this.#failure = new Error(`The reader of an event stream is too slow: ${reason}`);
    this.stop();
  }

  /**
   * Begins at the saved cursors; resolves once the stream has ended. If its reader is too slow or the store fails, the connection is cut, and the
   * client resumes from the last id that it has seen.
   */
  async send(saved: SavedCursors): Promise<void> {
    const { raw, log } = this.#reply;
    this.#sendHead();
    try {
      await this.#sendEvents(saved);
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
      // It ends when its client goes, or when the server does, which then wants no connection that is kept alive.
      Connection: 'close',
      'X-Accel-Buffering': 'no',
    });
  }

  async #sendEvents(saved: SavedCursors): Promise<void> {
    const { untaken } = this.#context;
    const heartbeat = setInterval(() => {
      // What is still to be taken tells as well whether the reader is there.
      if (this.#taken === undefined) this.#write(HEARTBEAT);
    }, untaken.limits.heartbeatMs);
    try {
      this.#write(Buffer.from(`retry: ${RETRY_MS}\n\n`));
      const cursors: StreamCursors = new Map([...saved].map(([channel, { after }]) => [channel, after]));
      await Promise.all([...saved].map(([channel, cursor]) => this.#follow(channel, cursor, cursors)));
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      this.stop();
      clearInterval(heartbeat);
      untaken.forget(this);
    }
  }

  async #follow(channel: string, saved: ConsumerCursor, cursors: StreamCursors): Promise<void> {
    const { store, pollTimeoutMs, metrics, untaken } = this.#context;
    const { signal } = this.#ended;
    const most = Math.ceil(READ_LIMIT / cursors.size);
    let limit = Math.min(most, FIRST_READ_LIMIT);
    let known = saved;
    for (;;) {
      await this.#allTaken();
      if (signal.aborted) return;
      const after = cursors.get(channel) ?? 0;
      const { epoch } = known;
      const page = await store.poll({ channel, after, epoch, limit }, { timeoutMs: pollTimeoutMs, signal });
      known = await this.#follows(page, channel, known);
      if (page.rewoundTo !== undefined) {
        await this.#allTaken();
        if (signal.aborted) return;
        cursors.set(channel, page.rewoundTo);
        this.#write(rewoundMessage(channel, after, cursors));
      }
      if (page.count > 0 && (await this.#turn(page))) {
        const { piece, count } = firstPiece(page, channel, cursors, untaken.share(this));
        this.#write(piece);
        metrics.delivered.inc(count);
        // As many as fit, if the next are like these.
        limit = Math.max(1, Math.min(most, Math.floor((untaken.limits.readerBytes * count) / piece.length)));
      }
    }
  }

  /**
   * What the stream is given may be of another epoch than what is saved, by which the consumer is judged when it comes back.
   * Its cursor stays: nobody knows yet what has arrived.
   */
  async #follows(page: EventPage, channel: string, saved: ConsumerCursor): Promise<ConsumerCursor> {
    const { epoch, rewoundTo = saved.after } = page;
    if (epoch === '' || epoch === saved.epoch) return saved;
    const { store } = this.#context;
    return store.saveCursor(this.#clientId, channel, Math.min(saved.after, rewoundTo), epoch);
  }

  /** Waits while other channels send. False if the page cannot be sent, or not be held until then: it is read again. */
  async #turn({ texts }: EventPage): Promise<boolean> {
    const { untaken } = this.#context;
    if (this.#taken !== undefined) {
      const bytes = texts.reduce((sum, { length }) => sum + length, 0);
      if (bytes > untaken.share(this)) return false;
      untaken.hold(this, bytes);
      await this.#allTaken();
      untaken.release(this, bytes);
    }
    return !this.#ended.signal.aborted;
  }

  /** Resolves once the reader has taken everything, or the stream has ended. */
  async #allTaken(): Promise<void> {
    while (this.#taken !== undefined && !this.#ended.signal.aborted) await this.#taken;
  }

  /** Only if everything that was sent before is taken. */
  #write(piece: Buffer): void {
    const { untaken } = this.#context;
    const { signal } = this.#ended;
    const { takeWithinMs } = untaken.limits;
    this.#taken = new Promise((resolve) => {
      const tooSlow = setTimeout(() => this.cutOff(`nothing was taken for ${takeWithinMs} ms`), takeWithinMs);
      const taken = () => {
        clearTimeout(tooSlow);
        signal.removeEventListener('abort', taken);
        untaken.release(this, piece.length);
        this.#taken = undefined;
        resolve();
      };
      signal.addEventListener('abort', taken);
      this.#reply.raw.write(piece, taken);
    });
    untaken.hold(this, piece.length);
  }
}

/** Says that the store came back older, and where the stream goes on in one of its channels. */
function rewoundMessage(channel: string, after: number, cursors: StreamCursors): Buffer {
  const data = JSON.stringify({ channel, after, rewoundTo: cursors.get(channel) });
  return Buffer.from(`id: ${[...cursors.values()].join(',')}\nevent: ${REWOUND_EVENT}\ndata: ${data}\n\n`);
}

/** The first events of a page as messages, as many as `share` bytes hold, but one at least; moves the cursors on. */
function firstPiece(
  page: EventPage,
  channel: string,
  cursors: StreamCursors,
  share: number,
): { piece: Buffer; count: number } {
  const name = cursors.size > 1 ? `event: ${channel}\n` : '';
  const parts: Buffer[] = [];
  let bytes = 0;
  let count = 0;
  for (const event of page.texts) {
    if (count > 0 && bytes + event.length > share) break;
    cursors.set(channel, headerOf(event).id);
    const head = Buffer.from(`id: ${[...cursors.values()].join(',')}\n${name}data: `);
    parts.push(head, event, MESSAGE_END);
    bytes += head.length + event.length + MESSAGE_END.length;
    count += 1;
  }
  return { piece: Buffer.concat(parts, bytes), count };
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
