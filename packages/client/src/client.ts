import { randomUUID } from 'node:crypto';
import { EventEmitter, setMaxListeners } from 'node:events';
import type { EventHeader } from '@ganomede/events-protocol';
import { Backoff } from './backoff.js';
import { type Callback, checkCallback, settled } from './callback.js';
import {
  type AnyChannels,
  type ChannelOf,
  type EventName,
  type Incoming,
  isSpecial,
  type ListenerOf,
  type Outgoing,
  type PlainListener,
} from './channel-map.js';
import { Cursor } from './cursor.js';
import { type EnvironmentOptions, withEnvironment } from './environment.js';
import { RequestError } from './errors.js';
import { type Expected, request } from './http.js';
import {
  type ClientOptions,
  checkAfter,
  checkLimit,
  type ResolvedOptions,
  resolveOptions,
} from './options.js';
import {
  bodyOfBatch,
  bodyOfEvent,
  checkChannel,
  checkKey,
  HEADER,
  headersOf,
  type SendOptions,
} from './outgoing.js';
import { Pace } from './pace.js';
import { areEvents, type Page, pageAfter } from './page.js';
import { Poller, type PollerHost } from './poller.js';
import { retried } from './retry.js';
import { EventStream, type StreamHost, type StreamOptions } from './stream.js';

/** How a server is slowed down that answers "nothing new" without waiting. Milliseconds. */
const HASTY_BOUNDS = { baseMs: 50, maxMs: 1000, slowMs: 1000 };

/** Gets the header of the stored event, or the error. */
export type SendCallback = Callback<EventHeader>;

/**
 * Publishes events and, as an EventEmitter whose event names are channels, receives them.
 *
 * Adding a handler for a channel starts reading it, removing the last one stops that. Events are emitted in the order of
 * their ids, none is skipped, and none is emitted twice by one client.
 *
 * `Channels` maps channel names to the type of their events; without it every channel and every event is allowed.
 */
export class Client<
  Channels extends { [Name in keyof Channels]: object } = AnyChannels,
> extends EventEmitter {
  readonly #clientId: string;
  readonly #options: ResolvedOptions;
  readonly #pollers = new Map<string, Poller>();
  readonly #abort = new AbortController();
  readonly #pollerHost = this.#makePollerHost();
  readonly #streamHost = this.#makeStreamHost();
  /** The streams that are being read, by channel. */
  readonly #streams = new Map<string, EventStream<unknown>>();
  /** Pollers that run and requests on their way. */
  #active = 0;
  /** Some channel was listened to since the last `drain`. */
  #listened = false;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  /**
   * @param clientId names this consumer: the server saves how far it has read, per channel
   * @throws TypeError that names what is wrong with `clientId` or the options
   */
  constructor(clientId: string, options: ClientOptions) {
    super();
    if (typeof clientId !== 'string' || clientId === '') {
      throw new TypeError(`Invalid clientId: expected a non-empty string, got ${JSON.stringify(clientId)}`);
    }
    this.#clientId = clientId;
    this.#options = resolveOptions(options);
    // One listener for each request that is running, however many channels there are.
    setMaxListeners(0, this.#abort.signal);
  }

  /**
   * A client with the secret of `API_SECRET` and the address of `EVENTS_URL`; what is in `options` goes before. This is the
   * only thing here that reads the environment.
   *
   * @throws TypeError that names the variable which is missing or wrong
   */
  static fromEnv<Channels extends { [Name in keyof Channels]: object } = AnyChannels>(
    clientId: string,
    options: EnvironmentOptions = {},
  ): Client<Channels> {
    return new Client<Channels>(clientId, withEnvironment(options, process.env));
  }

  /**
   * Publishes an event. Resolves, or calls back, once it is stored and every reader can see it.
   *
   * What fails is sent again, for at most `sendTimeoutMs`, where another attempt may succeed. All attempts carry one
   * `Idempotency-Key`, by which the server stores the event once. Several events that are on their way at the same time may
   * be stored in any order; await one before sending the next where the order matters, or use `sendBatch`.
   *
   * Fails with a `TypeError` for arguments that cannot be sent, else with a `RequestError`; always asynchronously. A
   * promise that nobody looks at is never an unhandled rejection.
   */
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<Channels[Name]>,
    options?: SendOptions,
  ): Promise<EventHeader>;
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<Channels[Name]>,
    callback: SendCallback | undefined,
  ): void;
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<Channels[Name]>,
    options: SendOptions,
    callback: SendCallback | undefined,
  ): void;
  send(
    channel: string,
    event: unknown,
    ...rest: [(SendOptions | SendCallback)?, SendCallback?]
  ): Promise<EventHeader> | undefined {
    const { options, callback } = optionsAndCallback(rest);
    const body = () => bodyOfEvent(this.#clientId, channel, event);
    return settled(this.#publish(body, HEADER, options), callback);
  }

  /**
   * Publishes several events of one channel: all of them or none, in this order, with consecutive ids. Resolves with their
   * headers. Otherwise like `send`. No events are no request.
   */
  sendBatch<Name extends ChannelOf<Channels>>(
    channel: Name,
    events: readonly Outgoing<Channels[Name]>[],
    options?: SendOptions,
  ): Promise<EventHeader[]>;
  sendBatch<Name extends ChannelOf<Channels>>(
    channel: Name,
    events: readonly Outgoing<Channels[Name]>[],
    callback: Callback<EventHeader[]> | undefined,
  ): void;
  sendBatch<Name extends ChannelOf<Channels>>(
    channel: Name,
    events: readonly Outgoing<Channels[Name]>[],
    options: SendOptions,
    callback: Callback<EventHeader[]> | undefined,
  ): void;
  sendBatch(
    channel: string,
    events: readonly unknown[],
    ...rest: [(SendOptions | Callback<EventHeader[]>)?, Callback<EventHeader[]>?]
  ): Promise<EventHeader[]> | undefined {
    const { options, callback } = optionsAndCallback(rest);
    const body = () => bodyOfBatch(this.#clientId, channel, events);
    const isNothing = Array.isArray(events) && events.length === 0;
    const sent = isNothing ? this.#nothing(channel) : this.#publish(body, headersOf(events?.length), options);
    return settled(sent, callback);
  }

  /**
   * The events of a channel for one `for await` loop, each acknowledged when the loop comes back for the next: a process
   * that is killed in the middle of one gets it again. The loop ends when `signal` aborts or the client is closed; a
   * request that the server refuses is thrown, others are made again.
   *
   * The loop's `break`, `return` or `throw` leaves its last event unfinished: it comes again.
   *
   * While a stream reads a channel, this client can neither listen to it nor read it with a second stream.
   *
   * @throws TypeError where an argument is wrong
   */
  stream<Name extends ChannelOf<Channels>>(
    channel: Name,
    { after, limit, signal }: StreamOptions = {},
  ): EventStream<Incoming<Channels[Name]>> {
    checkChannel(channel);
    const start = after ?? this.#pollers.get(channel)?.cursor.after;
    const cursor = new Cursor(channel, {
      after: checkAfter(start),
      limit: checkLimit(limit, this.#options.limit),
    });
    return new EventStream(this.#streamHost, cursor, this.#pace(), signal);
  }

  /**
   * The newest `limit` events of a channel, default 100, ascending by id, without waiting and without a word to the server
   * about what was read. Fails and is repeated as `send` is.
   */
  getLatestEvents<Name extends ChannelOf<Channels>>(
    channel: Name,
    limit?: number,
  ): Promise<Incoming<Channels[Name]>[]>;
  getLatestEvents<Name extends ChannelOf<Channels>>(
    channel: Name,
    limit: number | undefined,
    callback: Callback<Incoming<Channels[Name]>[]> | undefined,
  ): void;
  getLatestEvents(
    channel: string,
    limit?: number,
    callback?: Callback<Incoming<Channels[ChannelOf<Channels>]>[]>,
  ): Promise<Incoming<Channels[ChannelOf<Channels>]>[]> | undefined {
    checkCallback(callback);
    // What the events of a channel hold is the caller's promise.
    return settled(this.#latest(channel, limit) as Promise<never>, callback);
  }

  /**
   * Stops listening and aborts the requests that are running: those of channels silently, `send`s fail with the code
   * `Closed`. Ends streams. Tells the server what was received, for at most `closeTimeoutMs`, so that another client with
   * this id does not get it again. Resolves when nothing is left; calling it again gives the same promise. Afterwards,
   * channels cannot be listened or sent to.
   */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  override on<Name extends EventName<Channels>>(name: Name, listener: ListenerOf<Channels, Name>): this {
    this.#admit(name);
    super.on(name, listener as PlainListener);
    return this.#handlersChanged(name);
  }

  override addListener<Name extends EventName<Channels>>(
    name: Name,
    listener: ListenerOf<Channels, Name>,
  ): this {
    return this.on(name, listener);
  }

  override prependListener<Name extends EventName<Channels>>(
    name: Name,
    listener: ListenerOf<Channels, Name>,
  ): this {
    this.#admit(name);
    super.prependListener(name, listener as PlainListener);
    return this.#handlersChanged(name);
  }

  override once<Name extends EventName<Channels>>(name: Name, listener: ListenerOf<Channels, Name>): this {
    this.#admit(name);
    super.once(name, listener as PlainListener);
    return this.#handlersChanged(name);
  }

  override prependOnceListener<Name extends EventName<Channels>>(
    name: Name,
    listener: ListenerOf<Channels, Name>,
  ): this {
    this.#admit(name);
    super.prependOnceListener(name, listener as PlainListener);
    return this.#handlersChanged(name);
  }

  override removeListener<Name extends EventName<Channels>>(
    name: Name,
    listener: ListenerOf<Channels, Name>,
  ): this {
    super.removeListener(name, listener as PlainListener);
    return this.#handlersChanged(name);
  }

  override off<Name extends EventName<Channels>>(name: Name, listener: ListenerOf<Channels, Name>): this {
    return this.removeListener(name, listener);
  }

  override removeAllListeners(name?: EventName<Channels>): this {
    // EventEmitter counts the arguments.
    if (name === undefined) super.removeAllListeners();
    else super.removeAllListeners(name);
    for (const poller of this.#pollers.values()) poller.handlersChanged();
    return this;
  }

  /** @throws where `name` is a channel that cannot be listened to. */
  #admit(name: string | symbol): void {
    if (!isChannel(name)) return;
    if (name === '') throw new TypeError('Invalid channel: expected a non-empty string, got ""');
    if (this.#closing) throw new Error(`Cannot listen to ${JSON.stringify(name)}: the client is closed`);
    if (this.#streams.has(name)) {
      throw new Error(`Cannot listen to ${JSON.stringify(name)}: a stream of this client is reading it`);
    }
  }

  #handlersChanged(name: string | symbol): this {
    if (!isChannel(name)) return this;
    if (this.listenerCount(name) > 0) this.#poller(name).handlersChanged();
    else this.#pollers.get(name)?.handlersChanged();
    return this;
  }

  /** The poller of a channel, which knows its place for as long as the client lives. */
  #poller(channel: string): Poller {
    let poller = this.#pollers.get(channel);
    if (!poller) {
      const { limit } = this.#options;
      poller = new Poller(this.#pollerHost, new Cursor(channel, { limit }), this.#pace());
      this.#pollers.set(channel, poller);
    }
    return poller;
  }

  #pace(): Pace {
    return new Pace(new Backoff(this.#options.backoff), new Backoff(HASTY_BOUNDS));
  }

  #makePollerHost(): PollerHost {
    const client = this;
    return {
      get closed() {
        return client.#closing !== undefined;
      },
      isListening: (channel) => !client.#closing && client.listenerCount(channel) > 0,
      read: (cursor) => client.#read(cursor, client.#abort.signal),
      emitSafely: (name, ...args) => client.#emitSafely(name, ...args),
      started: () => {
        client.#listened = true;
        client.#active += 1;
      },
      stopped: () => client.#finished(),
    };
  }

  #makeStreamHost(): StreamHost {
    return {
      opened: (stream) => this.#opened(stream),
      ended: (stream, cursor) => {
        this.#streams.delete(stream.channel);
        this.#poller(stream.channel).moveTo(cursor.after);
      },
      busy: () => {
        this.#active += 1;
      },
      idle: () => this.#finished(),
      read: (cursor, signal) => this.#read(cursor, signal),
      acknowledge: (cursor) => this.#acknowledge(cursor),
      report: (error, channel) => {
        if (this.listenerCount('error') === 0) return false;
        void this.#emitSafely('error', error, channel);
        return true;
      },
    };
  }

  #opened(stream: EventStream<unknown>): void {
    const name = JSON.stringify(stream.channel);
    if (this.#closing) throw new Error(`Cannot stream ${name}: the client is closed`);
    // Two readers of one channel would move one saved cursor, past events that the other has not finished.
    if (this.#streams.has(stream.channel)) {
      throw new Error(`Cannot stream ${name}: another stream of this client is reading it`);
    }
    if (this.listenerCount(stream.channel) > 0) {
      throw new Error(`Cannot stream ${name}: this client listens to it already`);
    }
    this.#streams.set(stream.channel, stream);
  }

  #read(cursor: Cursor, signal: AbortSignal): Promise<Page> {
    const { pollTimeoutMs, pollGraceMs } = this.#options;
    const timeoutMs = pollTimeoutMs + pollGraceMs;
    return this.#get(this.#options.pathname, this.#queryOf(cursor, pollTimeoutMs), pageAfter(cursor.after), {
      timeoutMs,
      signal,
    });
  }

  /** A read that only says how far this client has come; where it fails, events come again another time. */
  async #acknowledge({ channel, after }: Cursor): Promise<void> {
    const timeoutMs = this.#options.closeTimeoutMs;
    if (timeoutMs === 0) return;
    const cursor = new Cursor(channel, { after, limit: 1 });
    const anything: Expected<true> = { what: 'anything', read: () => true };
    const limits = { timeoutMs, signal: new AbortController().signal };
    await this.#get(this.#options.pathname, this.#queryOf(cursor, 0), anything, limits).catch(() => {});
  }

  #queryOf(cursor: Cursor, timeoutMs: number): URLSearchParams {
    const query = new URLSearchParams({ clientId: this.#clientId });
    for (const [name, value] of Object.entries(cursor.toQuery())) query.set(name, String(value));
    query.set('timeout', String(timeoutMs));
    return query;
  }

  #get<Content>(
    path: string,
    query: URLSearchParams,
    expected: Expected<Content>,
    limits: { timeoutMs: number; signal: AbortSignal },
  ): Promise<Content> {
    return request(this.#options, { method: 'GET', path, query, ...limits }, expected);
  }

  async #latest(channel: string, limit: number | undefined) {
    checkChannel(channel);
    const query = new URLSearchParams({ channel, limit: String(checkLimit(limit, 100)) });
    const path = `${this.#options.prefix}/latest`;
    return this.#retried((limits) => this.#get(path, query, LATEST, limits));
  }

  async #nothing(channel: unknown): Promise<[]> {
    checkChannel(channel);
    return [];
  }

  async #publish<Content>(
    makeBody: () => string,
    expected: Expected<Content>,
    { idempotencyKey = randomUUID() }: SendOptions = {},
  ): Promise<Content> {
    // What is sent is the event as it is now, whatever happens to the object later.
    const body = makeBody();
    checkKey(idempotencyKey);
    const headers = { 'Idempotency-Key': idempotencyKey };
    const path = this.#options.pathname;
    return this.#retried((limits) =>
      request(this.#options, { method: 'POST', path, body, headers, ...limits }, expected),
    );
  }

  async #retried<Content>(
    attempt: (limits: { timeoutMs: number; signal: AbortSignal }) => Promise<Content>,
  ): Promise<Content> {
    if (this.#closing) {
      throw new RequestError('Cannot send: the client is closed', { code: 'Closed', maybeProcessed: false });
    }
    this.#active += 1;
    try {
      const { signal } = this.#abort;
      return await retried((timeoutMs) => attempt({ timeoutMs, signal }), {
        timeoutMs: this.#options.sendTimeoutMs,
        backoff: new Backoff(this.#options.backoff),
        signal,
      });
    } finally {
      this.#finished();
    }
  }

  /** Emits; what a handler throws surfaces as an uncaught exception before the returned promise resolves. */
  #emitSafely(name: string, ...args: unknown[]): Promise<void> | undefined {
    try {
      this.emit(name, ...args);
      return undefined;
    } catch (error) {
      return new Promise((resolve) => {
        process.nextTick(() => {
          // Only reached where the process lives on.
          setImmediate(resolve);
          throw error;
        });
      });
    }
  }

  /** A poller stopped, or a request came to its end. */
  #finished(): void {
    this.#active -= 1;
    // After the callback of the `send` that has just ended, which may well begin the next one.
    if (this.#active === 0) setImmediate(() => this.#idle());
  }

  #idle(): void {
    if (this.#active > 0) return;
    let surfaced: Promise<void> | undefined;
    if (this.#listened) {
      this.#listened = false;
      surfaced = this.#emitSafely('drain');
    }
    if (this.#whenIdle) Promise.resolve(surfaced).then(this.#whenIdle);
  }

  async #shutDown(): Promise<void> {
    // Counts as activity itself, so that the client becomes idle, and says so, after this and not before.
    this.#active += 1;
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
    // Until here `#closing` is not set: pollers would believe that they go on.
    await undefined;
    this.#abort.abort();
    for (const [channel, poller] of this.#pollers) {
      poller.handlersChanged();
      super.removeAllListeners(channel);
    }
    await Promise.all([
      ...[...this.#streams.values()].map((stream) => stream.close()),
      ...[...this.#pollers.values()].map((poller) => this.#acknowledgeLast(poller)),
    ]);
    this.#finished();
    await idle;
  }

  async #acknowledgeLast(poller: Poller): Promise<void> {
    const cursor = await poller.unacknowledged();
    if (cursor) await this.#acknowledge(cursor);
  }
}

const LATEST: Expected<object[]> = {
  what: 'events with ascending ids',
  read: (json) => (areEvents(json) ? json : undefined),
};

function isChannel(name: string | symbol): name is string {
  return typeof name === 'string' && !isSpecial(name);
}

/** Tells `(options, callback)`, `(options)`, `(callback)` and `()` apart. @throws TypeError for what is neither */
function optionsAndCallback<Result>([first, second]: [
  (SendOptions | Callback<Result> | null)?,
  Callback<Result>?,
]): { options: SendOptions | undefined; callback: Callback<Result> | undefined } {
  if (typeof first === 'function') return { options: undefined, callback: first };
  if (first != null && typeof first !== 'object') {
    throw new TypeError(`Invalid callback: expected a function, got ${typeof first}`);
  }
  checkCallback(second);
  return { options: first ?? undefined, callback: second };
}
