import type { EventsError, Start } from '@ganomede/events-protocol';
import { EventPage, type EventStore, epochAt, headerOf, Poll } from '@ganomede/events-store';
import type { FastifyBaseLogger, FastifyReply } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import { errorBody } from './errors.js';
import { sendStreamHead } from './stream-head.js';
import type { Reader, Untaken } from './untaken.js';
import type { Waiting, WaitingRequest, WaitingRequests } from './waiting-requests.js';

/** Something is sent at least this often, so that a client that hears nothing knows that the connection is dead. Milliseconds. */
const HEARTBEAT_MS = 4_000;
/** Channels that begin to read at a time, and lines that are sent in one turn. */
const AT_ONCE = 100;
/** Events that are read of a channel at first, when it is not known yet how large they are. */
const FIRST_LIMIT = 8;
/** What those are taken for, bytes. */
const FIRST_BYTES = 2_048;
/** Longest wait at the store; it then waits again. Milliseconds. */
const WAIT_MS = 24 * 3_600_000;

const HEARTBEAT = Buffer.from(`{"heartbeatMs":${HEARTBEAT_MS}}\n`);
const LINE_END = Buffer.from('}\n');

/** Where a stream begins in one of its channels. */
export interface PageCursor {
  readonly channel: string;
  /** Undefined: behind the saved cursor. */
  readonly after: number | undefined;
  readonly epoch: string | undefined;
  /** Where it begins if no cursor is saved; undefined: with the first event. */
  readonly start: Start | undefined;
  readonly limit: number;
}

/** What all page streams of a server share. */
export interface PageStreamContext {
  readonly store: Pick<EventStore, 'start' | 'loadCursor'>;
  readonly waitingRequests: WaitingRequests;
  readonly metrics: Pick<Metrics, 'delivered'>;
  readonly untaken: Untaken;
  takeError(error: Error, log: FastifyBaseLogger): EventsError;
}

/**
 * The events of many channels, a page of one channel in each line, until it is stopped. A channel where nothing happens costs an
 * object that waits.
 *
 * What is held until the reader has taken it is bounded: channels that find more are read again once there is room, in turn.
 */
export class PageStream implements WaitingRequest, Reader {
  readonly clientId: string;
  readonly context: PageStreamContext;
  readonly #reply: FastifyReply;
  #waiting: Waiting | undefined;
  /** All that are read. */
  #channels: StreamedChannel[] = [];
  /** Those that have to wait until there is room, or until others have begun. */
  #queue: StreamedChannel[] = [];
  /** Whether the queue is looked at in the next turn. */
  #isSoon = false;
  /** Lines of this turn. */
  #lines: Buffer[] = [];
  /** When the reader last took something, or had taken everything, on the clock of `performance.now()`. */
  #takenAt = 0;
  #untakenBytes = 0;
  #wasQuiet = false;
  #heartbeat: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(clientId: string, reply: FastifyReply, context: PageStreamContext) {
    this.clientId = clientId;
    this.#reply = reply;
    this.context = context;
  }

  /** What is refused has a line of its own. @throws TemporaryRefusal if too many wait already */
  send(cursors: readonly (PageCursor | EventsError)[]): void {
    this.#waiting = this.context.waitingRequests.enter(this, this.#reply);
    sendStreamHead(this.#reply, 'application/x-ndjson');
    if (this.#ended) {
      this.#waiting.leave();
      this.#reply.raw.end();
      return;
    }
    this.#write(HEARTBEAT);
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS / 2);
    for (const [i, cursor] of cursors.entries()) {
      if ('channel' in cursor) this.#channels.push(new StreamedChannel(this, i, cursor));
      else this.refuse(i, cursor);
    }
    this.#queue = [...this.#channels];
    this.#readQueued();
  }

  stop(): void {
    if (this.#ended) return;
    this.#finish();
    if (this.#reply.raw.headersSent) this.#reply.raw.end();
  }

  cutOff(reason: string): void {
    if (this.#ended) return;
    this.#finish();
    this.#reply.log.warn(`the reader of a stream is too slow: ${reason}`);
    this.#reply.raw.destroy();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** How many bytes may be sent now; 0 or less if none, or if others have to have their turn first. */
  get room(): number {
    return this.#lines.length < AT_ONCE ? this.context.untaken.share(this) : 0;
  }

  /** A channel has found a page. */
  deliver(line: Buffer, count: number): void {
    this.#write(line);
    this.context.metrics.delivered.inc(count);
  }

  /** There was no room for what the channel has found. */
  readLater(channel: StreamedChannel): void {
    this.#queue.push(channel);
    this.#readQueuedSoon();
  }

  /** A channel is not read, or not any more. */
  refuse(cursor: number, error: Error): void {
    const taken = this.context.takeError(error, this.#reply.log);
    this.#write(Buffer.from(`${JSON.stringify({ cursor, error: errorBody(taken) })}\n`));
  }

  #finish(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
    this.#waiting?.leave();
    this.context.untaken.forget(this);
    for (const channel of this.#channels) channel.stop();
    this.#channels = [];
    this.#queue = [];
    this.#lines = [];
  }

  /** As many as there is room for, by what is known of them; in small steps: ten thousand channels are not to hold up others. */
  #readQueued(): void {
    if (this.#isSoon || this.#ended) return;
    let left = this.room;
    let next = 0;
    for (; next < this.#queue.length && next < AT_ONCE && left > 0; next++) {
      const channel = this.#queue[next] as StreamedChannel;
      left -= channel.expectedBytes;
      channel.read();
    }
    this.#queue.splice(0, next);
    if (this.#queue.length > 0 && this.room > 0) this.#readQueuedSoon();
  }

  #readQueuedSoon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    setImmediate(() => {
      this.#isSoon = false;
      this.#readQueued();
    });
  }

  #beat(): void {
    const { takeWithinMs } = this.context.untaken.limits;
    if (this.#untakenBytes === 0) {
      if (this.#wasQuiet) this.#write(HEARTBEAT);
      this.#wasQuiet = true;
      // There may be room now that others have taken what was held for them.
      this.#readQueued();
    } else if (performance.now() - this.#takenAt > takeWithinMs) {
      this.cutOff(`nothing was taken for ${takeWithinMs} ms`);
    }
  }

  /** What is written in one turn goes out together. */
  #write(line: Buffer): void {
    if (this.#ended) return;
    if (this.#lines.push(line) === 1) queueMicrotask(() => this.#flush());
    if (this.#untakenBytes === 0) this.#takenAt = performance.now();
    this.#untakenBytes += line.length;
    this.context.untaken.hold(this, line.length);
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    const piece = lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines);
    this.#lines = [];
    this.#wasQuiet = false;
    this.#reply.raw.write(piece, () => this.#taken(piece.length));
  }

  #taken(bytes: number): void {
    if (this.#ended) return;
    this.#untakenBytes -= bytes;
    this.#takenAt = performance.now();
    this.context.untaken.release(this, bytes);
    this.#readQueued();
  }
}

/** One channel of a page stream: what it finds is sent, and it goes on behind that. */
class StreamedChannel extends Poll {
  readonly #stream: PageStream;
  readonly #index: number;
  readonly #channel: string;
  readonly #mostEvents: number;
  readonly #begin: Start | undefined;
  /** Undefined until the saved cursor is known. */
  #seen: number | undefined;
  #epoch: string | undefined;
  #limit: number;
  /** What the reader was told to be the oldest event kept. */
  #toldFirstId = 0;
  /** How large its next page may be. */
  #expectedBytes = FIRST_BYTES;

  /** `index`: which one of the request. */
  constructor(stream: PageStream, index: number, { channel, after, epoch, start, limit }: PageCursor) {
    super(WAIT_MS);
    this.#stream = stream;
    this.#index = index;
    this.#channel = channel;
    this.#seen = after;
    this.#epoch = epoch;
    this.#mostEvents = limit;
    this.#begin = start;
    this.#limit = Math.min(limit, FIRST_LIMIT);
  }

  get expectedBytes(): number {
    return this.#expectedBytes;
  }

  read(): void {
    const { context, clientId } = this.#stream;
    if (this.#seen !== undefined && (this.#epoch !== undefined || this.#seen === 0)) {
      this.#start(this.#seen);
      return;
    }
    context.store.loadCursor(clientId, this.#channel, this.#begin).then(
      (saved) => {
        this.#seen ??= saved.after;
        this.#epoch ??= epochAt(saved, this.#seen);
        this.#start(this.#seen);
      },
      (error) => this.failed(error),
    );
  }

  #start(after: number): void {
    if (this.#stream.ended) return;
    const cursor = { channel: this.#channel, after, epoch: this.#epoch, limit: this.#limit };
    this.#stream.context.store.start(this, cursor);
  }

  /** What a reader has to be told though there is no event. */
  protected override isFound(page: EventPage): boolean {
    return page.count > 0 || page.rewoundTo !== undefined || this.#isMissed(page);
  }

  #isMissed({ firstId }: EventPage): boolean {
    return firstId > Math.max(this.lookedThrough + 1, this.#toldFirstId);
  }

  override found(page: EventPage): void {
    if (this.#stream.ended) return;
    if (this.isFound(page)) {
      const { room } = this.#stream;
      if (room <= 0) {
        this.#expect(page.json.length, page.count);
        this.#stream.readLater(this);
        return;
      }
      this.#send(fitting(page, room));
    }
    this.#start(this.#seen as number);
  }

  #send(page: EventPage): void {
    const seen = this.#seen as number;
    const line = this.#lineOf(page);
    this.#toldFirstId = page.firstId;
    const last = page.texts.at(-1);
    this.#seen = last === undefined ? (page.rewoundTo ?? seen) : headerOf(last).id;
    if (last !== undefined || page.rewoundTo !== undefined) this.#epoch = page.epoch || this.#epoch;
    this.#expect(line.length, page.count);
    this.#stream.deliver(line, page.count);
  }

  /** Its next events may be like these, which have so many bytes. */
  #expect(bytes: number, count: number): void {
    this.#limit = this.#stream.context.untaken.eventsThatFit(bytes, count, this.#mostEvents);
    this.#expectedBytes = (this.#limit * bytes) / Math.max(count, 1);
  }

  #lineOf(page: EventPage): Buffer {
    const { firstId, lastId, epoch, rewoundTo } = page;
    const head = JSON.stringify({
      channel: this.#channel,
      after: this.lookedThrough,
      firstId,
      lastId,
      ...(epoch !== '' && { epoch }),
      ...(rewoundTo !== undefined && { rewound: { from: this.#seen, to: rewoundTo } }),
    });
    return Buffer.concat([Buffer.from(`${head.slice(0, -1)},"events":`), page.json, LINE_END]);
  }

  override failed(error: unknown): void {
    if (this.#stream.ended) return;
    this.#stream.refuse(this.#index, error instanceof Error ? error : new Error(String(error)));
  }
}

/** As many of the first events as so many bytes hold, but one at least. */
function fitting(page: EventPage, bytes: number): EventPage {
  let left = bytes;
  let count = 0;
  for (const { length } of page.texts) {
    left -= length;
    if (count > 0 && left < 0) return new EventPage(page.texts.slice(0, count), page, page.rewoundTo);
    count += 1;
  }
  return page;
}
