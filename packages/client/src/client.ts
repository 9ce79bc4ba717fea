import { randomBytes } from 'node:crypto';
import { EventEmitter, setMaxListeners } from 'node:events';
import { appendOf, batchOf, groups, latest, redrive } from './api.js';
import { ChannelReaders } from './channel-readers.js';
import {
  type AnyChannels,
  type ChannelOf,
  checkNotSpecial,
  type EventHeader,
  type EventName,
  type EventOf,
  type Incoming,
  isSpecial,
  type ListenerOf,
  type Outgoing,
  type PlainListener,
  type UntypedListener,
  type UntypedName,
} from './channel-types.js';
import { checkLimit, checkText, wrong } from './checks.js';
import { emitSafely } from './emit-safely.js';
import { type EnvironmentOptions, withEnvironment } from './environment-options.js';
import { RequestError } from './errors.js';
import type { GroupState } from './group-settings.js';
import { type ClientOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { RunningWork } from './running-work.js';
import { type Callback, checkCallback, settled } from './send-callback.js';
import { Sender } from './sender.js';
import type { EventStream, StreamOptions } from './stream.js';
import { Tracing } from './tracing.js';
import { Worker, type WorkHandler, type WorkOptions } from './worker.js';

/** Options of `send` and `sendBatch`. */
export interface SendOptions {
  /**
   * Names this very send. The server stores what comes under one key once, and answers a repetition (of this client id, on
   * this channel, within the server's window of ten minutes by default) with the headers of the first; the same key with
   * something else fails with `IdempotencyKeyReused`. Default: a random one for each call.
   */
  idempotencyKey?: string | undefined;
  /**
   * Stored only if this is the newest id of the channel (of `channel:type`: of the events of the type that are kept), 0 for an
   * empty one; otherwise it fails with `UnexpectedLastId`, and the error's `lastId` is the newest id. A server that does not
   * know this stores it in any case.
   */
  expectedLastId?: number | undefined;
}

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
  readonly #tracing: Tracing;
  readonly #work = new RunningWork(() => this.#idle());
  readonly #sender: Sender;
  readonly #readers: ChannelReaders;
  readonly #workers = new Set<{ close(): Promise<void> }>();
  readonly #abort = new AbortController();
  /** Nothing can be sent any more. */
  #isClosed = false;
  /** Some channel was listened to since the last `drain`. */
  #listened = false;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  /**
   * @param clientId names this consumer: the server saves how far it has read, per channel
   * @throws TypeError that names what is wrong with `clientId` or the options
   */
  constructor(clientId: string, options: ClientOptions = {}) {
    super();
    checkText('clientId', clientId);
    this.#clientId = clientId;
    this.#options = { ...resolveOptions(options), instance: randomBytes(6).toString('base64url') };
    // One listener for each request that is running, however many channels there are.
    setMaxListeners(0, this.#abort.signal);
    this.#tracing = new Tracing(clientId, this.#options);
    this.#sender = new Sender(this.#options, clientId, this.#abort.signal);
    this.#readers = new ChannelReaders({
      clientId,
      options: this.#options,
      tracing: this.#tracing,
      emitter: this,
      activity: this.#work,
      signal: this.#abort.signal,
      isClosed: () => this.#closing !== undefined,
      listened: () => {
        this.#listened = true;
      },
    });
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
   * What fails is sent again, for at most `sendTimeoutMs`, as long as another attempt may succeed. All attempts carry one
   * idempotency key, by which the server stores the event once. What is sent while a request is under way shares the next
   * one. Events of one client on one channel are stored in the order of their calls; if one of them fails in the end, those
   * behind it are stored all the same, and if it may be stored (`maybeProcessed`), that may be after them.
   *
   * Fails with a `TypeError` for arguments that cannot be sent, else with a `RequestError`; always asynchronously. An
   * unawaited promise is never an unhandled rejection.
   */
  // First, so that the parameters of a callback get their types.
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<EventOf<Channels, Name>>,
    callback: SendCallback,
  ): void;
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<EventOf<Channels, Name>>,
    options?: SendOptions,
  ): Promise<EventHeader>;
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<EventOf<Channels, Name>>,
    callback: SendCallback | undefined,
  ): void;
  send<Name extends ChannelOf<Channels>>(
    channel: Name,
    event: Outgoing<EventOf<Channels, Name>>,
    options: SendOptions,
    callback: SendCallback | undefined,
  ): void;
  send(
    channel: string,
    event: unknown,
    ...rest: [(SendOptions | SendCallback)?, SendCallback?]
  ): Promise<EventHeader> | undefined {
    const { options, callback } = optionsAndCallback(rest);
    const sent = this.#request(channel, async () => {
      const [header] = await this.#tracing.send(channel, [event], async ([traced]) =>
        this.#sender.send(appendOf(channel, traced, options)),
      );
      return header as EventHeader;
    });
    return settled(sent, callback);
  }

  /**
   * Publishes several events of one channel: all of them or none, in this order, with consecutive ids. Resolves with their
   * headers. Otherwise like `send`. No events are no request.
   */
  sendBatch<Name extends ChannelOf<Channels>>(
    channel: Name,
    events: readonly Outgoing<EventOf<Channels, Name>>[],
    callback: Callback<EventHeader[]>,
  ): void;
  sendBatch<Name extends ChannelOf<Channels>>(
    channel: Name,
    events: readonly Outgoing<EventOf<Channels, Name>>[],
    options?: SendOptions,
  ): Promise<EventHeader[]>;
  sendBatch<Name extends ChannelOf<Channels>>(
    channel: Name,
    events: readonly Outgoing<EventOf<Channels, Name>>[],
    callback: Callback<EventHeader[]> | undefined,
  ): void;
  sendBatch<Name extends ChannelOf<Channels>>(
    channel: Name,
    events: readonly Outgoing<EventOf<Channels, Name>>[],
    options: SendOptions,
    callback: Callback<EventHeader[]> | undefined,
  ): void;
  sendBatch(
    channel: string,
    events: readonly unknown[],
    ...rest: [(SendOptions | Callback<EventHeader[]>)?, Callback<EventHeader[]>?]
  ): Promise<EventHeader[]> | undefined {
    const { options, callback } = optionsAndCallback(rest);
    const sent = this.#request(channel, () =>
      this.#tracing.send(channel, events, async (traced) => {
        const append = batchOf(channel, traced, options);
        return append.count === 0 ? [] : this.#sender.send(append);
      }),
    );
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
   * @throws TypeError if an argument is wrong
   */
  stream<Name extends ChannelOf<Channels>>(
    channel: Name,
    options: StreamOptions = {},
  ): EventStream<Incoming<EventOf<Channels, Name>>> {
    checkText('channel', channel);
    checkNotSpecial(channel);
    // What the events of a channel hold is the caller's promise.
    return this.#readers.stream(channel, options) as EventStream<Incoming<EventOf<Channels, Name>>>;
  }

  /**
   * One of the workers who share the events of a channel as a group. An event is acknowledged when the promise of the handler resolves;
   * if it rejects, or the process is gone, the event is delivered again after a pause, to any worker of the group, and is a dead
   * letter after `maxDeliveries`. The settings in the options are those of the group: what is not given there has its default; if
   * none is given the group keeps those that it has.
   *
   * @throws TypeError if an argument is wrong
   */
  work<Name extends ChannelOf<Channels>>(
    channel: Name,
    options: WorkOptions,
    handler: WorkHandler<Incoming<EventOf<Channels, Name>>>,
  ): Worker<Incoming<EventOf<Channels, Name>>> {
    checkText('channel', channel);
    checkNotSpecial(channel);
    if (this.#closing) throw new Error(`Cannot work on ${JSON.stringify(channel)}: the client is closed`);
    const host = {
      clientId: this.#clientId,
      options: this.#options,
      tracing: this.#tracing,
      activity: this.#work,
      closed: () => this.#workers.delete(worker),
    };
    const worker: Worker<Incoming<EventOf<Channels, Name>>> = new Worker(host, channel, options, handler);
    this.#workers.add(worker);
    return worker;
  }

  /** The groups of a channel and of its types, and the state of each. Fails and is repeated as `send` is. */
  groups(channel: ChannelOf<Channels>): Promise<GroupState[]> {
    return this.#request(channel, () => groups(this.#options, { channel, signal: this.#abort.signal }));
  }

  /**
   * Dead letters of a group are handed out again, as if they had not been delivered yet: those of the events `ids`, or the oldest, at most
   * `limit`; one of the two has to be given. Resolves with the ids of the events; no ids are no request. One attempt.
   */
  redrive(
    channel: ChannelOf<Channels>,
    group: string,
    options: { ids?: readonly number[] | undefined; limit?: number | undefined },
  ): Promise<number[]> {
    const { signal } = this.#abort;
    return this.#request(channel, async () => {
      const { ids, limit } = redriven(options);
      return ids?.length === 0 ? [] : redrive(this.#options, { channel, group, ids, limit, signal });
    });
  }

  /**
   * The newest `limit` events of a channel, default 100, ascending by id, without waiting and without a word to the server
   * about what was read. Fails and is repeated as `send` is.
   */
  getLatestEvents<Name extends ChannelOf<Channels>>(
    channel: Name,
    limit?: number,
  ): Promise<Incoming<EventOf<Channels, Name>>[]>;
  getLatestEvents<Name extends ChannelOf<Channels>>(
    channel: Name,
    limit: number | undefined,
    callback: Callback<Incoming<EventOf<Channels, Name>>[]> | undefined,
  ): void;
  getLatestEvents(
    channel: string & UntypedName<Channels>,
    limit: number | undefined,
    callback: UntypedListener,
  ): void;
  getLatestEvents(
    channel: string,
    limit?: number,
    callback?: Callback<Incoming<EventOf<Channels, ChannelOf<Channels>>>[]>,
  ): Promise<Incoming<EventOf<Channels, ChannelOf<Channels>>>[]> | undefined {
    checkCallback(callback);
    const { signal } = this.#abort;
    const events = this.#request(channel, () => latest(this.#options, { channel, limit, signal }));
    return settled(events as Promise<never>, callback);
  }

  /**
   * Closes the workers, whose handlers may go on sending until they have ended. Stops listening and aborts the requests that are
   * running: those of channels silently, `send`s fail with the code `Closed`. Ends streams. Tells the server what was received, for at most `closeTimeoutMs`, so that another client with
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

  override on<Name extends EventName<Channels>>(name: Name, listener: ListenerOf<Channels, Name>): this;
  override on(name: UntypedName<Channels>, listener: UntypedListener): this;
  override on(name: string | symbol, listener: PlainListener): this {
    this.#admit(name);
    super.on(name, listener);
    return this.#handlersChanged(name);
  }

  override addListener<Name extends EventName<Channels>>(
    name: Name,
    listener: ListenerOf<Channels, Name>,
  ): this;
  override addListener(name: UntypedName<Channels>, listener: UntypedListener): this;
  override addListener(name: string | symbol, listener: PlainListener): this {
    return this.on(name as never, listener as never);
  }

  override prependListener<Name extends EventName<Channels>>(
    name: Name,
    listener: ListenerOf<Channels, Name>,
  ): this;
  override prependListener(name: UntypedName<Channels>, listener: UntypedListener): this;
  override prependListener(name: string | symbol, listener: PlainListener): this {
    this.#admit(name);
    super.prependListener(name, listener);
    return this.#handlersChanged(name);
  }

  override once<Name extends EventName<Channels>>(name: Name, listener: ListenerOf<Channels, Name>): this;
  override once(name: UntypedName<Channels>, listener: UntypedListener): this;
  override once(name: string | symbol, listener: PlainListener): this {
    this.#admit(name);
    super.once(name, listener);
    return this.#handlersChanged(name);
  }

  override prependOnceListener<Name extends EventName<Channels>>(
    name: Name,
    listener: ListenerOf<Channels, Name>,
  ): this;
  override prependOnceListener(name: UntypedName<Channels>, listener: UntypedListener): this;
  override prependOnceListener(name: string | symbol, listener: PlainListener): this {
    this.#admit(name);
    super.prependOnceListener(name, listener);
    return this.#handlersChanged(name);
  }

  override removeListener<Name extends EventName<Channels>>(
    name: Name,
    listener: ListenerOf<Channels, Name>,
  ): this;
  override removeListener(name: UntypedName<Channels>, listener: UntypedListener): this;
  override removeListener(name: string | symbol, listener: PlainListener): this {
    super.removeListener(name, listener);
    return this.#handlersChanged(name);
  }

  override off<Name extends EventName<Channels>>(name: Name, listener: ListenerOf<Channels, Name>): this;
  override off(name: UntypedName<Channels>, listener: UntypedListener): this;
  override off(name: string | symbol, listener: PlainListener): this {
    return this.removeListener(name as never, listener as never);
  }

  override removeAllListeners(name?: EventName<Channels>): this {
    // EventEmitter counts the arguments.
    if (name === undefined) super.removeAllListeners();
    else super.removeAllListeners(name);
    this.#readers.allHandlersChanged();
    return this;
  }

  /** @throws if `name` is a channel that cannot be listened to */
  #admit(name: string | symbol): void {
    if (isChannel(name)) this.#readers.admitHandler(name);
  }

  #handlersChanged(name: string | symbol): this {
    if (isChannel(name)) this.#readers.handlersChanged(name);
    return this;
  }

  async #request<Result>(channel: string, run: () => Promise<Result>): Promise<Result> {
    checkNotSpecial(channel);
    if (this.#isClosed) {
      throw new RequestError('Cannot send: the client is closed', { code: 'Closed', maybeProcessed: false });
    }
    return this.#work.during(run);
  }

  #idle(): void {
    let surfaced: Promise<void> | undefined;
    if (this.#listened) {
      this.#listened = false;
      surfaced = emitSafely(this, 'drain');
    }
    if (this.#whenIdle) Promise.resolve(surfaced).then(this.#whenIdle);
  }

  async #shutDown(): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
    // Counts as activity itself, so that the client becomes idle, and says so, after this and not before.
    await this.#work.during(async () => {
      this.#isClosed = this.#workers.size === 0;
      // Until here `#closing` is not set: pollers would believe that they go on.
      await Promise.all([...this.#workers].map((worker) => worker.close()));
      this.#isClosed = true;
      this.#abort.abort();
      this.#readers.allHandlersChanged();
      for (const channel of this.#readers.channels) super.removeAllListeners(channel);
      await this.#readers.close();
    });
    await idle;
  }
}

/** What a redrive is asked for. A misspelt option would hand out others than were meant. @throws TypeError if it is not clear */
function redriven({ ids, limit, ...others }: Parameters<Client['redrive']>[2] = {}) {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong('option', 'ids or limit', unknown);
  if (ids === undefined && limit === undefined) throw wrong('options', 'ids or limit', undefined);
  if (ids !== undefined && !Array.isArray(ids)) throw wrong('ids', 'an array of ids', ids);
  if (limit !== undefined) checkLimit(limit, limit);
  return { ids, limit };
}

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
