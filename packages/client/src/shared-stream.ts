import type { Event } from '@ganomede/events-protocol';
import { Backoff } from './backoff.js';
import { Cursor } from './cursor.js';
import { RequestError } from './errors.js';
import type { EventPage } from './event-page.js';
import type { ResolvedOptions } from './options.js';
import { isRefusal } from './pace.js';
import { StreamConnection, type StreamEnd } from './stream-connection.js';

/** Most channels in one connection; fewer if the server takes less. */
const MAX_CHANNELS = 5_000;
/** Connections begin at least so far apart, milliseconds. */
const BETWEEN_MS = 50;
/** A connection that the server has ended so soon after it began is a failure, milliseconds. */
const SHORT_MS = 1_000;
/** Where streams do not come through they are tried again after this, doubled each time, up to the second. Milliseconds. */
const RETRY_MS = 60_000;
const MAX_RETRY_MS = 3_600_000;
/** How long the others wait for a reader that does not take its events; then it reads by itself. Milliseconds. */
const HOLD_UP_MS = 20;
/** For how long it does, milliseconds. */
const SLOW_MS = 10_000;
/** What nobody reads any more stays open so long, for handlers that come and go. Milliseconds. */
const LINGER_MS = 200;
/** An agent that allows fewer connections than this would have none left for anything else. */
const MIN_SOCKETS = 5;

/** A channel that is read with others. */
interface Subscription {
  readonly channel: string;
  readonly limit: number | undefined;
  /** Behind the last event that has come. */
  arrived: Cursor;
  /** Where the reader was when it was given the last page. */
  givenAfter: number | undefined;
  /** The last page that it was given. */
  given: EventPage;
  /** Counts the calls of `read` and `leave`. */
  turns: number;
  readonly pages: EventPage[];
  /** Events in `pages`. */
  held: number;
  /** Whether its reader has taken any since the others have to wait for it. */
  hasTaken: boolean;
  connection: StreamConnection | undefined;
  reader: Reader | undefined;
  /** Nobody wants more. */
  isLeft: boolean;
}

/** One call of `read` that waits. */
interface Reader {
  /** Undefined: the channel is to be read alone. */
  readonly resolve: (page: EventPage | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const NOTHING: EventPage = { events: [] };

/**
 * The pages of all channels of a client, on one connection, or two: channels that are added begin on a second one, until they
 * are many. `read` looks like a long-poll to those who call it.
 *
 * If streams do not come through (an old server, a proxy that holds them back) every channel is read alone, by long-polls, and
 * streams are tried again later. A channel whose reader is slower than its events is too, for a while.
 */
export class SharedStream {
  readonly #options: ResolvedOptions;
  readonly #clientId: string;
  readonly #signal: AbortSignal;
  readonly #opened: () => void;
  readonly #backoff: Backoff;
  readonly #subscriptions = new Map<string, Subscription>();
  #settled: StreamConnection[] = [];
  /** Of channels that were added since. */
  #young: StreamConnection | undefined;
  /** Channels that are read. */
  #users = 0;
  #linger: NodeJS.Timeout | undefined;
  /** Of channels whose readers are slower than their events. On the clock of `performance.now()`, as are the others. */
  readonly #slowUntil = new Map<string, number>();
  #notBefore = 0;
  /** In a row. */
  #failures = 0;
  #maxChannels = MAX_CHANNELS;
  #timer: NodeJS.Timeout | undefined;
  /** Until when everybody reads alone. */
  #aloneUntil = 0;
  #aloneMs = RETRY_MS;
  #probe: StreamConnection | undefined;
  /** While what was sent has to wait for slow readers. */
  #holdUp: NodeJS.Timeout | undefined;

  /** `opened`: a stream has come through. When `signal` aborts every `read` fails with the code `Closed`. */
  constructor(options: ResolvedOptions, clientId: string, signal: AbortSignal, opened: () => void) {
    this.#options = options;
    this.#clientId = clientId;
    this.#signal = signal;
    this.#opened = opened;
    this.#backoff = new Backoff(options.backoff);
    const { maxSockets = Number.POSITIVE_INFINITY } = options.agent ?? {};
    if (maxSockets < MIN_SOCKETS) this.#aloneUntil = Number.POSITIVE_INFINITY;
    signal.addEventListener('abort', () => this.#close(), { once: true });
  }

  /** Somebody begins to read a channel; `release` says that it has ended. */
  use(): void {
    this.#users += 1;
    clearTimeout(this.#linger);
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0 && !this.#signal.aborted) this.#linger = setTimeout(() => this.#reset(), LINGER_MS);
  }

  /** Whether the channel is read here now, and not alone. */
  takes(channel: string): boolean {
    const now = performance.now();
    if (this.#aloneUntil > 0) {
      if (now >= this.#aloneUntil && !this.#signal.aborted) this.#probeWith(channel);
      return false;
    }
    if ((this.#slowUntil.get(channel) ?? 0) > now) return false;
    this.#slowUntil.delete(channel);
    return true;
  }

  /**
   * The next events behind a cursor; waits if there are none, until `leave` is called. Undefined: the channel is to be read alone.
   *
   * @throws RequestError (as a rejection)
   */
  async read(cursor: Cursor): Promise<EventPage | undefined> {
    if (this.#signal.aborted) throw closed();
    const subscription = this.#subscriptionAt(cursor);
    subscription.isLeft = false;
    const turn = ++subscription.turns;
    // Between two pages whatever else there is to do has its turn: acknowledgements go out, too.
    if (subscription.pages.length > 0) await new Promise((resolve) => setImmediate(resolve));
    if (this.#signal.aborted) throw closed();
    if (subscription.turns !== turn) return NOTHING;
    if (this.#subscriptions.get(cursor.channel) !== subscription) return undefined;
    return new Promise((resolve, reject) => {
      subscription.reader = { resolve, reject };
      this.#give(subscription);
    });
  }

  /** Ends what waits on the channel: nobody wants more of it, for now. */
  leave(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.isLeft = true;
    subscription.turns += 1;
    this.#takeReader(subscription)?.resolve(NOTHING);
  }

  #close(): void {
    const readers = this.#takeReaders();
    this.#reset();
    for (const reader of readers) reader.reject(closed());
  }

  #reset(): void {
    for (const connection of this.#connections) connection.close();
    this.#settled = [];
    this.#young = undefined;
    this.#endProbe();
    this.#subscriptions.clear();
    clearTimeout(this.#timer);
    clearTimeout(this.#linger);
    this.#timer = undefined;
    this.#endHoldUp();
  }

  #endProbe(): void {
    this.#probe?.close();
    this.#probe = undefined;
  }

  get #connections(): StreamConnection[] {
    return this.#young === undefined ? this.#settled : [...this.#settled, this.#young];
  }

  #subscriptionAt(cursor: Cursor): Subscription {
    const { channel, after, limit } = cursor;
    const known = this.#subscriptions.get(channel);
    if (known !== undefined && known.limit === limit && goesOn(known, after)) return known;
    const subscription: Subscription = {
      channel,
      limit,
      arrived: cursor,
      givenAfter: after,
      given: NOTHING,
      turns: 0,
      pages: [],
      held: 0,
      hasTaken: false,
      connection: undefined,
      reader: undefined,
      isLeft: false,
    };
    this.#subscriptions.set(channel, subscription);
    this.#schedule();
    return subscription;
  }

  /** If there is a page and somebody who waits for it. */
  #give(subscription: Subscription): void {
    if (subscription.reader === undefined || subscription.pages.length === 0) return;
    const page = joined(subscription.pages, subscription.limit ?? this.#options.limit);
    subscription.held -= page.events.length;
    subscription.hasTaken = true;
    subscription.givenAfter = endOf(subscription.given, subscription.givenAfter);
    subscription.given = page;
    this.#takeReader(subscription)?.resolve(page);
    if (this.#holdUp !== undefined && this.#overfull().length === 0) this.#endHoldUp();
  }

  #takeReader(subscription: Subscription): Reader | undefined {
    const { reader } = subscription;
    subscription.reader = undefined;
    return reader;
  }

  #takeReaders(): Reader[] {
    return [...this.#subscriptions.values()].flatMap((each) => this.#takeReader(each) ?? []);
  }

  /** Opens what is needed, once in a while. */
  #schedule(): void {
    if (this.#timer !== undefined || this.#signal.aborted) return;
    // All channels that are added in one turn begin together.
    const delayMs = Math.max(0, this.#notBefore - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#aloneUntil === 0) this.#open();
    }, Math.ceil(delayMs));
  }

  /**
   * New channels share a second connection, which begins anew with each of them, and become part of the first one when
   * they are many compared with it: a thousand channels that are added one by one begin a few times each, not a thousand times.
   */
  #open(): void {
    for (const [channel, { isLeft }] of this.#subscriptions) if (isLeft) this.#subscriptions.delete(channel);
    const ended = new Set<StreamConnection | undefined>([undefined, this.#young]);
    const inEnded = () => [...this.#subscriptions.values()].filter(({ connection }) => ended.has(connection));
    let begun = inEnded();
    if (!begun.some(({ connection }) => connection === undefined)) return;
    this.#notBefore = performance.now() + BETWEEN_MS;
    this.#young?.close();
    this.#young = undefined;
    if (begun.length ** 2 <= this.#subscriptions.size - begun.length) {
      this.#young = this.#connect(begun);
      return;
    }
    const last = this.#settled.at(-1);
    if (last !== undefined && this.#channelsOf(last).length + begun.length <= this.#maxChannels) {
      ended.add(last);
      begun = inEnded();
      last.close();
      this.#settled.pop();
    }
    for (let i = 0; i < begun.length; i += this.#maxChannels) {
      this.#settled.push(this.#connect(begun.slice(i, i + this.#maxChannels)));
    }
  }

  #channelsOf(connection: StreamConnection): Subscription[] {
    return [...this.#subscriptions.values()].filter((each) => each.connection === connection);
  }

  #connect(subscriptions: readonly Subscription[]): StreamConnection {
    const cursors = subscriptions.map(({ arrived }) => arrived);
    const connection: StreamConnection = new StreamConnection(this.#options, this.#clientId, cursors, {
      opened: () => this.#opened(),
      page: (channel, page) => this.#arrived(connection, channel, page),
      refused: (channel, error) => this.#refused(connection, channel, error),
      ended: (end) => this.#ended(connection, end),
    });
    for (const subscription of subscriptions) subscription.connection = connection;
    return connection;
  }

  #arrived(connection: StreamConnection, channel: string, page: EventPage): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription?.connection !== connection || subscription.isLeft) {
      // The server cannot know that nobody wants it any more.
      if (subscription?.connection === connection) this.#subscriptions.delete(channel);
      this.#detach(connection);
      connection.close();
      this.#schedule();
      return;
    }
    const { limit, arrived } = subscription;
    const { start } = arrived;
    const isMoved = page.events.length > 0 || page.rewind !== undefined;
    const epoch = isMoved ? page.epoch : arrived.epoch;
    subscription.arrived = new Cursor(channel, { after: endOf(page, arrived.after), limit, epoch, start });
    subscription.pages.push(page);
    subscription.held += page.events.length;
    this.#give(subscription);
    if (this.#isOverfull(subscription)) this.#holdEverythingUp();
  }

  /** What it read is to be read by another one. */
  #detach(connection: StreamConnection): Subscription[] {
    this.#settled = this.#settled.filter((each) => each !== connection);
    if (this.#young === connection) this.#young = undefined;
    const detached = this.#channelsOf(connection);
    for (const subscription of detached) subscription.connection = undefined;
    return detached;
  }

  #isOverfull({ held, limit = this.#options.limit }: Subscription): boolean {
    return held > limit;
  }

  #overfull(): Subscription[] {
    return [...this.#subscriptions.values()].filter((each) => this.#isOverfull(each));
  }

  /** A reader that only waits for its turn is given it; one that is slow does not hold up the others. */
  #holdEverythingUp(): void {
    if (this.#holdUp !== undefined) return;
    for (const connection of this.#connections) connection.pause();
    for (const subscription of this.#subscriptions.values()) subscription.hasTaken = false;
    this.#holdUp = setTimeout(() => {
      for (const subscription of this.#overfull()) if (!subscription.hasTaken) this.#readAlone(subscription);
      this.#endHoldUp();
      if (this.#overfull().length > 0) this.#holdEverythingUp();
    }, HOLD_UP_MS);
  }

  #endHoldUp(): void {
    if (this.#holdUp === undefined) return;
    clearTimeout(this.#holdUp);
    this.#holdUp = undefined;
    for (const connection of this.#connections) connection.resume();
  }

  #refused(connection: StreamConnection, channel: string, error: RequestError): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription?.connection !== connection) return;
    // What has come before and was not given comes again: who reads on begins anew.
    this.#subscriptions.delete(channel);
    if (this.#channelsOf(connection).length === 0) {
      this.#detach(connection);
      connection.close();
    }
    this.#takeReader(subscription)?.reject(error);
  }

  #ended(connection: StreamConnection, end: StreamEnd): void {
    const lost = this.#detach(connection);
    const isRefused = !connection.isOpen && end.kind === 'failed' && isNoStream(end.error);
    if (isRefused && end.error.statusCode === 413 && lost.length > 1) {
      this.#maxChannels = Math.ceil(lost.length / 2);
    } else if (isRefused || (end.kind === 'silent' && this.#connections.length === 0)) {
      this.#goAlone();
      return;
    } else if (end.kind === 'silent') {
      // Others are heard of: it is not the way that is bad.
      for (const subscription of lost) this.#readAlone(subscription);
    } else this.#pauseAfter(connection, end, lost);
    this.#schedule();
  }

  /**
   * What has worked for a while begins again without a pause. One failure is no news: a server that stops or a balancer may
   * cause it, and nothing is lost by it; what fails again is told.
   */
  #pauseAfter(
    { startedAt, isOpen }: StreamConnection,
    end: Exclude<StreamEnd, { kind: 'silent' }>,
    lost: readonly Subscription[],
  ): void {
    const now = performance.now();
    const isShort = now - startedAt < SHORT_MS;
    if (!isShort) {
      this.#backoff.reset();
      this.#failures = 0;
    }
    if (isOpen && !isShort) return;
    const error = end.kind === 'failed' ? end.error : undefined;
    const pauseMs = this.#backoff.next({ retryAfterMs: error?.retryAfterMs, slow: isRefusal(error) });
    this.#notBefore = Math.max(this.#notBefore, now + pauseMs);
    if (error === undefined) return;
    this.#failures += 1;
    if (this.#failures === 1 && !isRefusal(error)) return;
    for (const subscription of lost) this.#takeReader(subscription)?.reject(error);
  }

  /** For a while. */
  #readAlone(subscription: Subscription): void {
    const { channel } = subscription;
    this.#slowUntil.set(channel, performance.now() + SLOW_MS);
    this.#subscriptions.delete(channel);
    this.#takeReader(subscription)?.resolve(undefined);
  }

  /** Streams do not come through. */
  #goAlone(): void {
    this.#stayAlone(2);
    const readers = this.#takeReaders();
    this.#reset();
    for (const reader of readers) reader.resolve(undefined);
  }

  #stayAlone(growth: number): void {
    this.#aloneUntil = performance.now() + this.#aloneMs;
    this.#aloneMs = Math.min(growth * this.#aloneMs, MAX_RETRY_MS);
  }

  /** Whether streams come through by now is found out beside what is read, which goes on alone until then. */
  #probeWith(channel: string): void {
    if (this.#probe !== undefined) return;
    this.#probe = new StreamConnection(this.#options, this.#clientId, [new Cursor(channel)], {
      opened: () => {
        this.#endProbe();
        this.#aloneUntil = 0;
        this.#aloneMs = RETRY_MS;
      },
      page: () => {},
      refused: () => {},
      ended: (end) => {
        this.#endProbe();
        // A server that is away says nothing about it.
        this.#stayAlone(end.kind === 'silent' || (end.kind === 'failed' && isNoStream(end.error)) ? 2 : 1);
      },
    });
  }
}

/**
 * Whether a reader at this cursor is behind what it was given last, or in the midst of that: then what it has not finished comes
 * again. If it is somewhere else it begins anew.
 */
function goesOn(subscription: Subscription, after: number | undefined): boolean {
  const { given, givenAfter, pages } = subscription;
  if (endOf(given, givenAfter) === after) return true;
  const finished = given.events.findIndex(({ id }) => id === after) + 1;
  if (given.rewind !== undefined || (finished === 0 && after !== givenAfter)) return false;
  const events = given.events.slice(finished);
  pages.unshift({ ...given, events });
  subscription.held += events.length;
  subscription.given = NOTHING;
  subscription.givenAfter = after;
  return true;
}

/** Takes the first of these pages, with what follows it without a rewind, up to `limit` events. */
function joined(pages: EventPage[], limit: number): EventPage {
  const first = pages.shift() as EventPage;
  let [last, events] = [first, first.events];
  for (let next = pages[0]; next !== undefined && next.rewind === undefined; next = pages[0]) {
    if (next.epoch !== first.epoch || events.length + next.events.length > limit || isMissing(next)) break;
    if (last === first) events = [...events];
    (events as Event[]).push(...next.events);
    last = next;
    pages.shift();
  }
  // As of the first one: what is no longer kept by now was given.
  const bounds = last.bounds && { ...last.bounds, firstId: first.bounds?.firstId ?? 0 };
  return { ...first, events, bounds, epoch: last.epoch };
}

/** Whether what it tells is that events before it are no longer kept. */
function isMissing({ bounds, lookedThrough = 0 }: EventPage): boolean {
  return bounds !== undefined && bounds.firstId > lookedThrough + 1;
}

/** Where a reader is that has finished the page. */
function endOf({ events, rewind }: EventPage, before: number | undefined): number | undefined {
  return events.at(-1)?.id ?? rewind?.to ?? before;
}

/** Whether the server, or what answers instead of it, takes no streams. What is wrong with the client shows when it reads alone. */
function isNoStream(error: RequestError): boolean {
  return isRefusal(error) || (error.statusCode === 200 && error.code === 'InvalidReply');
}

function closed(): RequestError {
  return new RequestError('Cannot read: the client is closed', { code: 'Closed', maybeProcessed: false });
}
