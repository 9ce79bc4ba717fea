import { setMaxListeners } from 'node:events';
import { EPOCH_PATTERN, REWOUND_EVENT } from '@ganomede/events-protocol';
import { type EventPage, type EventStore, headerOf } from '@ganomede/events-store';
import type { FastifyReply } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import { sendStreamHead } from './stream-head.js';
import type { Reader, Untaken } from './untaken.js';
import type { WaitingRequest } from './waiting-requests.js';

/** How soon the client is asked to come back after the stream has ended, milliseconds. */
const RETRY_MS = 1_000;
/** It waits so long for events at a time at least, however short polls are. Milliseconds. */
const LEAST_WAIT_MS = 1_000;
/** Most events read at a time, over all channels. */
const READ_LIMIT = 100;
/** Read at first, when it is not known yet how large they are. */
const FIRST_READ_LIMIT = 8;

const HEARTBEAT = Buffer.from(':\n\n');
const MESSAGE_END = Buffer.from('\n\n');

/** Where a stream is in a channel. */
export interface StreamCursor {
  /** Id of the last event that it has sent. */
  readonly after: number;
  /** The epoch by which that is judged; undefined if it is not known yet. */
  readonly epoch: string | undefined;
  /** The epoch that the consumer is judged by when it comes back with an id alone. */
  readonly savedEpoch: string | undefined;
}

/** Where a stream is in each of its channels, in the order in which it was asked for them. */
export type StreamCursors = Map<string, StreamCursor>;

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
 * request (`12,7`), so that the server need not remember anything; the message's name is then the channel. Once the store
 * has begun another epoch than the stream began in, the ids tell it (`12@<epoch>`).
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
   * Resolves once the stream has ended. If its reader is too slow or the store fails, the connection is cut, and the
   * client resumes from the last id that it has seen.
   */
  async send(cursors: StreamCursors): Promise<void> {
    const { raw, log } = this.#reply;
    sendStreamHead(this.#reply, 'text/event-stream');
    try {
      await this.#sendEvents(cursors);
      raw.end();
    } catch (error) {
      log.warn({ err: error }, 'an event stream ended early');
      raw.destroy();
    }
  }

  async #sendEvents(cursors: StreamCursors): Promise<void> {
    const { untaken } = this.#context;
    const heartbeat = setInterval(() => {
      // What is still to be taken tells as well whether the reader is there.
      if (this.#taken === undefined) this.#write(HEARTBEAT);
    }, untaken.limits.heartbeatMs);
    try {
      this.#write(Buffer.from(`retry: ${RETRY_MS}\n\n`));
      await Promise.all([...cursors.keys()].map((channel) => this.#follow(channel, cursors)));
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      this.stop();
      clearInterval(heartbeat);
      untaken.forget(this);
    }
  }

  async #follow(channel: string, cursors: StreamCursors): Promise<void> {
    const { store, pollTimeoutMs, metrics, untaken } = this.#context;
    const { signal } = this.#ended;
    const most = Math.ceil(READ_LIMIT / cursors.size);
    let limit = Math.min(most, FIRST_READ_LIMIT);
    for (;;) {
      await this.#allTaken();
      if (signal.aborted) return;
      const { after, epoch } = cursors.get(channel) as StreamCursor;
      const page = await store.poll(
        { channel, after, epoch, limit },
        { timeoutMs: Math.max(pollTimeoutMs, LEAST_WAIT_MS), signal },
      );
      await this.#followEpoch(channel, page, cursors);
      if (page.count === 0 && page.rewoundTo === undefined) continue;

      // What cannot be held until others have sent is read again.
      const held = this.#taken === undefined ? 0 : bytesOf(page);
      if (held > untaken.share(this)) continue;
      untaken.hold(this, held);
      await this.#allTaken();
      untaken.release(this, held);
      if (signal.aborted) return;
      // Nothing is awaited from here on: others wait for their turn too.
      const { piece, count } = firstPiece(page, channel, cursors, untaken.share(this));
      this.#write(piece);
      metrics.delivered.inc(count);
      // As many as fit, if the next are like these.
      limit = untaken.eventsThatFit(piece.length, count, most);
    }
  }

  /**
   * From now on the stream is judged by the epoch of what it is given. A consumer whose epoch was not known is when it comes
   * back, too; else that stays as it is, since nobody knows yet what has arrived.
   */
  async #followEpoch(channel: string, { epoch }: EventPage, cursors: StreamCursors): Promise<void> {
    const cursor = cursors.get(channel) as StreamCursor;
    if (epoch === '' || epoch === cursor.epoch) return;
    if (cursor.savedEpoch !== undefined) {
      cursors.set(channel, { ...cursor, epoch });
      return;
    }
    await this.#context.store.saveCursor(this.#clientId, channel, cursor.after, epoch);
    cursors.set(channel, { ...cursor, epoch, savedEpoch: epoch });
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

function bytesOf({ texts }: EventPage): number {
  return texts.reduce((sum, { length }) => sum + length, 0);
}

/**
 * The first events of a page as messages, as many as `share` bytes hold, but one at least; before them, if the store came back
 * older, a message that says so. Moves the cursor on.
 */
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
  const add = (...more: Buffer[]) => {
    for (const part of more) bytes += part.length;
    parts.push(...more);
  };
  const moveTo = (after: number) =>
    cursors.set(channel, { ...(cursors.get(channel) as StreamCursor), after });
  if (page.rewoundTo !== undefined) {
    const data = JSON.stringify({ channel, after: cursors.get(channel)?.after, rewoundTo: page.rewoundTo });
    moveTo(page.rewoundTo);
    add(Buffer.from(`id: ${idOf(cursors)}\nevent: ${REWOUND_EVENT}\ndata: ${data}\n\n`));
  }
  for (const event of page.texts) {
    if (count > 0 && bytes + event.length > share) break;
    moveTo(headerOf(event).id);
    add(Buffer.from(`id: ${idOf(cursors)}\n${name}data: `), event, MESSAGE_END);
    count += 1;
  }
  return { piece: Buffer.concat(parts, bytes), count };
}

/** What a message says of where the stream is. */
function idOf(cursors: StreamCursors): string {
  const ids = [...cursors.values()].map(({ after, epoch, savedEpoch }) =>
    epoch === savedEpoch ? after : `${after}@${epoch}`,
  );
  return ids.join(',');
}

/** What a client that resumes has seen of a channel. */
export type SeenCursor = Pick<StreamCursor, 'after' | 'epoch'>;

/** The cursors that a `Last-Event-ID` stands for; undefined if it is of no stream of these channels. */
export function parseLastEventId(
  lastEventId: string,
  channels: readonly string[],
): Map<string, SeenCursor> | undefined {
  const ids = lastEventId.split(',');
  if (ids.length !== channels.length) return undefined;
  const seen = new Map<string, SeenCursor>();
  for (const [i, channel] of channels.entries()) {
    const [id = '', epoch, ...more] = (ids[i] as string).split('@');
    const isCursor = /^\d{1,15}$/.test(id) && (epoch === undefined || EPOCH_PATTERN.test(epoch));
    if (!isCursor || more.length > 0) return undefined;
    seen.set(channel, { after: Number(id), epoch });
  }
  return seen;
}
