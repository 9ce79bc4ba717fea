import type { EventEmitter } from 'node:events';
import type { Event } from '@ganomede/events-protocol';
import { Acknowledger } from './acknowledger.js';
import { acknowledge, read } from './api.js';
import { Backoff } from './backoff.js';
import { callHandlers } from './call-handlers.js';
import { checkAfter, checkLimit, checkStart, wrong } from './checks.js';
import { Cursor } from './cursor.js';
import { emitSafely } from './emit-safely.js';
import { RequestError } from './errors.js';
import type { EventPage } from './event-page.js';
import type { ResolvedOptions } from './options.js';
import { type Pace, paceOf } from './pace.js';
import { Poller, type PollerHost } from './poller.js';
import type { RunningWork } from './running-work.js';
import { SharedStream } from './shared-stream.js';
import { ChannelStream, type EventStream, type StreamHost, type StreamOptions } from './stream.js';
import type { Tracing } from './tracing.js';

/** What waits alone on a channel waits on so long if nobody listens any more, for handlers that come and go. Milliseconds. */
const LINGER_MS = 200;

/** The client that the readers belong to. */
export interface ReadersHost {
  readonly clientId: string;
  readonly options: ResolvedOptions;
  readonly tracing: Tracing;
  /** Its event names are the channels; a channel is polled while it has handlers. */
  readonly emitter: EventEmitter;
  readonly activity: RunningWork;
  /** Aborts when the client is closed. */
  readonly signal: AbortSignal;
  /** True from the moment on that closing begins. */
  isClosed(): boolean;
  /** A channel is listened to. */
  listened(): void;
}

/**
 * What reads the channels of a client: a poller if the channel has handlers, or a stream, never two at a time. They would
 * move one saved cursor, past events that the other has not finished.
 */
export class ChannelReaders {
  readonly #host: ReadersHost;
  /** Each knows its cursor for as long as the client lives. */
  readonly #pollers = new Map<string, Poller>();
  /** The streams that are being read. */
  readonly #streams = new Map<string, EventStream<unknown>>();
  readonly #pollerHost: PollerHost;
  readonly #streamHost: StreamHost;
  readonly #shared: SharedStream;
  readonly #acknowledger: Acknowledger;
  /** By channel: to be called if nobody listens any more while its poller reads. */
  readonly #listenedReads = new Map<string, () => void>();
  /** Channels of which other processes move the saved cursor too. */
  readonly #warned = new Set<string>();

  constructor(host: ReadersHost) {
    this.#host = host;
    const { options, clientId, signal } = host;
    this.#acknowledger = new Acknowledger(options, clientId, signal, (channel) => this.#warnShared(channel));
    this.#shared = new SharedStream(options, clientId, signal, () => this.#acknowledger.start());
    this.#pollerHost = this.#makePollerHost();
    this.#streamHost = this.#makeStreamHost();
  }

  /** The channels that were listened to or streamed. */
  get channels(): Iterable<string> {
    return this.#pollers.keys();
  }

  /** To be called before a handler is added. @throws if the channel cannot be listened to */
  admitHandler(channel: string): void {
    if (channel === '') throw new TypeError('Invalid channel: expected a non-empty string, got ""');
    let problem: string | undefined;
    if (this.#host.isClosed()) problem = 'the client is closed';
    else if (this.#streams.has(channel)) problem = 'a stream of this client is reading it';
    if (problem) throw new Error(`Cannot listen to ${JSON.stringify(channel)}: ${problem}`);
  }

  /** To be called after a handler was added or removed. */
  handlersChanged(channel: string): void {
    if (this.#host.emitter.listenerCount(channel) > 0) this.#poller(channel).handlersChanged();
    else this.#handlersRemoved(channel);
  }

  /** To be called after the handlers of many channels were removed. */
  allHandlersChanged(): void {
    for (const channel of this.#pollers.keys()) this.handlersChanged(channel);
  }

  /** A stream that begins to read when its loop does. @throws TypeError if an option is wrong */
  stream(channel: string, { after, limit, start, signal }: StreamOptions): EventStream<unknown> {
    if (after !== undefined && start !== undefined) throw wrong('start', 'none beside after', start);
    const known = this.#pollers.get(channel)?.cursor;
    const cursor = new Cursor(channel, {
      after: checkAfter(after ?? known?.after),
      epoch: after === undefined ? known?.epoch : undefined,
      limit: checkLimit(limit, this.#host.options.limit),
      start: checkStart(start) ?? this.#host.options.start,
    });
    return new ChannelStream(this.#streamHost, cursor, this.#pace(), signal);
  }

  /** Ends streams, waits for pollers to stop, and tells the server how far each came. */
  async close(): Promise<void> {
    const { closeTimeoutMs } = this.#host.options;
    const patience = setTimeout(() => {
      for (const poller of this.#pollers.values()) poller.giveUp();
    }, closeTimeoutMs);
    await Promise.all([
      ...[...this.#streams.values()].map((stream) => stream.close()),
      ...[...this.#pollers.values()].map((poller) => this.#acknowledgeLast(poller)),
    ]);
    clearTimeout(patience);
    await this.#acknowledger.flush(closeTimeoutMs);
  }

  #handlersRemoved(channel: string): void {
    this.#pollers.get(channel)?.handlersChanged();
    if (this.#streams.has(channel)) return;
    this.#shared.leave(channel);
    this.#listenedReads.get(channel)?.();
  }

  async #acknowledgeLast(poller: Poller): Promise<void> {
    const cursor = await poller.unacknowledged();
    if (cursor) await this.#acknowledge(cursor).catch(() => {});
  }

  #poller(channel: string): Poller {
    let poller = this.#pollers.get(channel);
    if (!poller) {
      const { limit, start, backoff } = this.#host.options;
      poller = new Poller(
        this.#pollerHost,
        new Cursor(channel, { limit, start }),
        this.#pace(),
        new Backoff(backoff),
      );
      this.#pollers.set(channel, poller);
    }
    return poller;
  }

  #pace(): Pace {
    return paceOf(this.#host.options.backoff);
  }

  #makePollerHost(): PollerHost {
    const { emitter, activity, options, signal, isClosed, listened } = this.#host;
    return {
      get closed() {
        return isClosed();
      },
      isListening: (channel) => !isClosed() && emitter.listenerCount(channel) > 0,
      read: (cursor) => this.#readListened(cursor, signal),
      isTolerable: (error) => this.#isTolerable(error),
      emitSafely: (name, ...args) => emitSafely(emitter, name, ...args),
      callHandlers: (channel, event) => this.#callHandlers(channel, event),
      whenRejected: options.whenRejected,
      started: () => {
        listened();
        activity.begin();
        this.#shared.use();
      },
      stopped: () => {
        this.#shared.release();
        activity.end();
      },
    };
  }

  #callHandlers(channel: string, event: Event): Promise<unknown[]> | undefined {
    const { emitter, tracing } = this.#host;
    const call = () => callHandlers(emitter, channel, event, channel);
    const span = tracing.process(channel, event);
    if (span === undefined) return call();
    const handled = span.run(call);
    if (handled === undefined) span.end();
    else void handled.then((reasons) => span.end(...reasons));
    return handled;
  }

  #makeStreamHost(): StreamHost {
    const { emitter, activity } = this.#host;
    return {
      opened: (stream) => this.#opened(stream),
      ended: (stream, cursor) => {
        this.#streams.delete(stream.channel);
        this.#shared.release();
        this.#poller(stream.channel).moveTo(cursor);
      },
      busy: () => activity.begin(),
      idle: () => activity.end(),
      read: (cursor, signal) => this.#read(cursor, signal),
      acknowledge: (cursor) => this.#acknowledge(cursor).catch(() => {}),
      acknowledged: () => this.#acknowledger.flush(this.#host.options.closeTimeoutMs),
      report: (error, channel) => {
        if (this.#isTolerable(error)) return true;
        if (emitter.listenerCount('error') === 0) return false;
        void emitSafely(emitter, 'error', error, channel);
        return true;
      },
    };
  }

  /** @throws if the channel cannot be streamed */
  #opened(stream: EventStream<unknown>): void {
    const { channel } = stream;
    let problem: string | undefined;
    if (this.#host.isClosed()) problem = 'the client is closed';
    else if (this.#streams.has(channel)) problem = 'another stream of this client is reading it';
    else if (this.#host.emitter.listenerCount(channel) > 0) problem = 'this client listens to it already';
    if (problem) throw new Error(`Cannot stream ${JSON.stringify(channel)}: ${problem}`);
    this.#streams.set(channel, stream);
    this.#shared.use();
  }

  async #read(cursor: Cursor, signal: AbortSignal): Promise<EventPage> {
    const page = await this.#readPage(cursor, signal);
    this.#host.tracing.received(cursor.channel, page.events);
    return page;
  }

  async #readPage(cursor: Cursor, signal: AbortSignal): Promise<EventPage> {
    const { channel } = cursor;
    if (this.#shared.takes(channel)) {
      this.#acknowledger.acknowledge(cursor);
      const leave = () => this.#shared.leave(channel);
      signal.addEventListener('abort', leave);
      const page = await this.#shared.read(cursor).finally(() => signal.removeEventListener('abort', leave));
      if (page !== undefined) return page;
    }
    return this.#readAlone(cursor, signal);
  }

  /** Ends soon after the last handler is gone: a service that stops does not wait for the server. */
  async #readListened(cursor: Cursor, signal: AbortSignal): Promise<EventPage> {
    const { channel } = cursor;
    const end = new AbortController();
    const abort = () => end.abort();
    signal.addEventListener('abort', abort);
    let linger: NodeJS.Timeout | undefined;
    this.#listenedReads.set(channel, () => {
      clearTimeout(linger);
      linger = setTimeout(() => {
        if (this.#host.emitter.listenerCount(channel) === 0) abort();
      }, LINGER_MS);
    });
    try {
      return await this.#read(cursor, end.signal);
    } finally {
      signal.removeEventListener('abort', abort);
      clearTimeout(linger);
      this.#listenedReads.delete(channel);
    }
  }

  #isTolerable(error: unknown): boolean {
    return error instanceof RequestError && this.#host.options.outage.tolerates(error);
  }

  async #readAlone({ channel, after, epoch, start, limit }: Cursor, signal: AbortSignal): Promise<EventPage> {
    this.#acknowledger.forget(channel);
    const { clientId, options } = this.#host;
    const { pollTimeoutMs: waitMs, pollGraceMs } = options;
    const timeoutMs = waitMs + pollGraceMs;
    const page = await read(options, {
      clientId,
      channel,
      after,
      epoch,
      start,
      limit,
      waitMs,
      timeoutMs,
      signal,
    });
    if (page.isShared) this.#warnShared(channel);
    return page;
  }

  /** Once for each channel. Events come all the same, so that it ends no process that does not listen to errors. */
  #warnShared(channel: string): void {
    if (this.#warned.has(channel)) return;
    this.#warned.add(channel);
    const { clientId, emitter } = this.#host;
    const message =
      `Several processes read ${JSON.stringify(channel)} as ${JSON.stringify(clientId)}: each gets every event, and they move one ` +
      'saved cursor. To share the work use a group; otherwise give each a clientId of its own';
    const code = 'CursorShared';
    if (emitter.listenerCount('error') === 0) process.emitWarning(message, { code });
    else
      void emitSafely(emitter, 'error', new RequestError(message, { code, maybeProcessed: true }), channel);
  }

  /** Only says how far this client has come, many channels together once that is flushed; if it fails, events come again another time. */
  async #acknowledge(cursor: Cursor): Promise<void> {
    const { clientId, options } = this.#host;
    const { channel, after, epoch } = cursor;
    const timeoutMs = options.closeTimeoutMs;
    if (timeoutMs === 0) return;
    if (this.#shared.takes(channel)) this.#acknowledger.acknowledge(cursor);
    else {
      this.#acknowledger.forget(channel);
      await acknowledge(options, { clientId, channel, after, epoch, timeoutMs });
    }
  }
}
