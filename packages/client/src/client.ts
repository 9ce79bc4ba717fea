import { EventEmitter, setMaxListeners } from 'node:events';
import type { Event, EventHeader } from '@ganomede/events-protocol';
import { Backoff } from './backoff.js';
import {
  type AnyChannels,
  type ChannelOf,
  type EventName,
  type ListenerOf,
  type Outgoing,
  type PlainListener,
  SPECIAL_NAMES,
} from './channel-map.js';
import { Cursor } from './cursor.js';
import { RequestError } from './errors.js';
import { request } from './http.js';
import { type ClientOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { Poller, type PollerHost } from './poller.js';
import { publish } from './send.js';

/** How a server is slowed down that answers "nothing new" without waiting. Milliseconds. */
const HASTY_BOUNDS = { baseMs: 50, maxMs: 1000, slowMs: 1000 };

/** Gets the header of the stored event, or the error. */
export type SendCallback = (error: Error | null, header?: EventHeader) => void;

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
  readonly #host: PollerHost;
  /** Pollers that run and publishes on their way. */
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
    this.#host = this.#pollerHost();
    // One listener for each request that is running, however many channels there are.
    setMaxListeners(0, this.#abort.signal);
  }

  /**
   * Publishes an event. Resolves, or calls back, once it is stored and every reader can see it.
   *
   * Sent again only while it certainly is not stored, for at most `sendTimeoutMs`. Several events that are on their way
   * at the same time may be stored in any order; await one before sending the next where the order matters.
   *
   * Fails with a `TypeError` for arguments that cannot be sent, else with a `RequestError`; always asynchronously. A
   * promise that nobody looks at is never an unhandled rejection.
   */
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<Channels[Name]>,
  ): Promise<EventHeader>;
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<Channels[Name]>,
    callback: SendCallback | undefined,
  ): void;
  send(channel: string, event: unknown, callback?: SendCallback): Promise<EventHeader> | undefined {
    if (callback != null && typeof callback !== 'function') {
      throw new TypeError(`Invalid callback: expected a function, got ${typeof callback}`);
    }
    const sent = this.#send(channel, event);
    if (!callback) {
      // Whoever awaits the promise still gets the error.
      sent.catch(() => {});
      return sent;
    }
    // On a tick of its own, so that what the callback throws is an uncaught exception and not a rejection.
    sent.then(
      (header) => process.nextTick(callback, null, header),
      (error) => process.nextTick(callback, error),
    );
    return undefined;
  }

  /**
   * Stops listening and aborts the requests that are running: those of channels silently, `send`s fail with the code
   * `Closed`. Resolves when nothing is left; calling it again gives the same promise. Afterwards, channels cannot be
   * listened or sent to.
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
  }

  #handlersChanged(name: string | symbol): this {
    if (!isChannel(name)) return this;
    let poller = this.#pollers.get(name);
    if (!poller && this.listenerCount(name) > 0) {
      const { limit, backoff } = this.#options;
      const backoffs = { failed: new Backoff(backoff), hasty: new Backoff(HASTY_BOUNDS) };
      poller = new Poller(this.#host, new Cursor(name, { limit }), backoffs);
      this.#pollers.set(name, poller);
    }
    poller?.handlersChanged();
    return this;
  }

  #pollerHost(): PollerHost {
    const client = this;
    return {
      get closed() {
        return client.#closing !== undefined;
      },
      isListening: (channel) => !client.#closing && client.listenerCount(channel) > 0,
      read: (cursor) => client.#read(cursor),
      emitSafely: (name, ...args) => client.#emitSafely(name, ...args),
      started: () => {
        client.#listened = true;
        client.#active += 1;
      },
      stopped: () => client.#finished(),
    };
  }

  async #read(cursor: Cursor): Promise<readonly Event[]> {
    const { pollTimeoutMs, pollGraceMs } = this.#options;
    const query = new URLSearchParams({ clientId: this.#clientId });
    for (const [name, value] of Object.entries(cursor.toQuery())) query.set(name, String(value));
    query.set('timeout', String(pollTimeoutMs));
    const timeoutMs = pollTimeoutMs + pollGraceMs;
    const call = { method: 'GET', query, timeoutMs, signal: this.#abort.signal } as const;
    return request(this.#options, call, {
      what: `events with ascending ids${cursor.after === undefined ? '' : ` above ${cursor.after}`}`,
      matches: (content) => isPage(content, cursor.after),
    });
  }

  async #send(channel: string, event: unknown): Promise<EventHeader> {
    // What is sent is the event as it is now, whatever happens to the object later.
    const body = bodyOf(this.#clientId, channel, event);
    if (this.#closing) {
      throw new RequestError('Cannot send: the client is closed', { code: 'Closed', maybeProcessed: false });
    }
    this.#active += 1;
    try {
      return await publish({
        target: this.#options,
        body,
        timeoutMs: this.#options.sendTimeoutMs,
        backoff: new Backoff(this.#options.backoff),
        signal: this.#abort.signal,
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

  /** A poller stopped, or a publish came to its end. */
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
    this.#finished();
    await idle;
  }
}

function isChannel(name: string | symbol): name is string {
  return typeof name === 'string' && !SPECIAL_NAMES.some((special) => special === name);
}

/** @throws TypeError where this cannot be sent. */
function bodyOf(clientId: string, channel: unknown, event: unknown): string {
  if (typeof channel !== 'string' || channel === '') {
    throw new TypeError('Invalid channel: expected a non-empty string');
  }
  if (!isChannel(channel)) {
    throw new TypeError(`Invalid channel: expected none of ${SPECIAL_NAMES.join(', ')}, got "${channel}"`);
  }
  if (typeof event !== 'object' || event === null) {
    throw new TypeError('Invalid event: expected an object with from and type');
  }
  const { from, type, data } = event as { from?: unknown; type?: unknown; data?: unknown };
  if (typeof from !== 'string' || from === '')
    throw new TypeError('Invalid from: expected a non-empty string');
  if (typeof type !== 'string' || type === '')
    throw new TypeError('Invalid type: expected a non-empty string');
  if (data !== undefined && (typeof data !== 'object' || data === null)) {
    throw new TypeError(
      `Invalid data: expected an object or an array, got ${data === null ? 'null' : typeof data}`,
    );
  }
  return JSON.stringify({ clientId, channel, from, type, data });
}

/** Whether this is a page of events as the protocol has them: each id above the one before, all above `after`. */
function isPage(reply: unknown, after = 0): reply is Event[] {
  if (!Array.isArray(reply)) return false;
  let last = after;
  for (const event of reply) {
    const id = typeof event === 'object' && event !== null ? event.id : undefined;
    if (!Number.isSafeInteger(id) || id <= last) return false;
    last = id;
  }
  return true;
}
