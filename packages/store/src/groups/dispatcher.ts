import type { Event, Start } from '@ganomede/events-protocol';
import { Batchers } from '../batcher.js';
import type { EventPage } from '../events/event-page.js';
import { headerOf } from '../events/event-text.js';
import { findStart } from '../find-start.js';
import { isRedacted } from '../forgetting/redaction.js';
import { indexedValue, indexKey } from '../indices/index-value.js';
import type { LiveChannel } from '../waiting/live-channels.js';
import { type DeadLetterOptions, originalTexts, writeDeadLetters } from './dead-letters.js';
import { resolveGroupSettings } from './group-settings.js';
import type {
  DyingEvent,
  FoundEvents,
  GroupScope,
  GroupSettings,
  GroupStorage,
  GroupWorked,
  Settlement,
  Take,
  TakenEvent,
} from './group-storage.js';

/** Most events that are read in search of some that the order does not hold back. */
const MAX_READ = 1_000;
/** Most requests, and most that they settle, that one step of the engine serves. */
const MAX_REQUESTS = 1_000;
const MAX_SETTLEMENTS = 2_000;
/** When somebody may look again who is answered though a step has failed, milliseconds. */
const LOOK_AGAIN_MS = 1_000;
/** A group that nobody receives from is remembered until so many others were used. */
const MAX_KNOWN = 10_000;

/** An event that was handed out. */
export interface ReceivedEvent {
  readonly id: number;
  /** Its JSON text. */
  readonly text: Buffer;
  readonly delivery: Delivery;
}

export interface Delivery {
  /** What a settlement says to which delivery it belongs. */
  readonly token: string;
  /** Which delivery of the event this is, from 1. */
  readonly count: number;
  /** How many there are at most, by the settings that the group has now. */
  readonly maxDeliveries: number;
  readonly leaseMs: number;
}

/** What somebody wants of a group, all in one step. */
export interface GroupRequest {
  readonly scope: GroupScope;
  readonly settle: readonly Settlement[];
  /** Undefined: only to settle. */
  readonly take: Take | undefined;
  /** Whether the group is created if there is none. */
  readonly creates: boolean;
  /** Where the group begins if it is to be created. Default: at the first event. */
  readonly start?: Start | undefined;
  /** Where new events may be in memory; undefined if nowhere. */
  readonly live: LiveChannel | undefined;
  /** Whether more may have changed than that events were appended. */
  readonly isSure: boolean;
}

/** What came of it. */
export interface GroupAnswer {
  readonly settled: readonly boolean[];
  readonly events: readonly ReceivedEvent[];
  /** If nothing was handed out: in how many milliseconds something may be that nobody tells; undefined if nothing will. */
  readonly dueInMs: number | undefined;
  /** The newest id that the look has seen, or `Infinity` if no append will change anything. */
  readonly seen: number;
  /** The epoch of the channel at that time. */
  readonly epoch: string;
}

interface Queued extends GroupRequest {
  /** What it adds to a step: how much it settles. */
  readonly bytes: number;
  readonly resolve: (answer: GroupAnswer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** What the last step has told of a group. */
interface Known {
  readonly settings: GroupSettings;
  readonly after: number;
  /** Whether it has not handed out what was there, and somebody had room. */
  readonly isBlocked: boolean;
  /** When something is due, by `performance.now()`. */
  readonly dueAt: number;
  /** There is nothing of the scope from `after` up to here, in this epoch. */
  readonly lookedTo: number;
  readonly epoch: string;
}

interface Found {
  readonly page: EventPage;
  readonly found: FoundEvents;
}

/** Dead letters that are being written. */
interface Burial {
  readonly ids: ReadonlySet<number>;
  /** Does not reject. */
  readonly done: Promise<void>;
}

export interface DispatcherOptions extends DeadLetterOptions {
  readonly groups: GroupStorage;
  /** Throws if the store is closed. */
  readonly assertOpen: () => void;
}

/**
 * Takes the requests of this process to a group together: one step of the engine serves many that have come in one turn of
 * the event loop, and meanwhile. It reads what is new for them, and writes the dead letters.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #queues = new Batchers<Queued>((_name, requests) => this.#serve(requests), {
    items: MAX_REQUESTS,
    bytes: MAX_SETTLEMENTS,
  });
  readonly #known = new Map<string, Known>();
  readonly #burials = new Set<Promise<void>>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Undefined if there is no such group, and the request does not create it. */
  ask(request: GroupRequest): Promise<GroupAnswer | undefined> {
    return new Promise((resolve, reject) =>
      this.#queues.push(keyOf(request.scope), { ...request, bytes: request.settle.length, resolve, reject }),
    );
  }

  /** Creates a group with the settings that it has if nobody says anything, unless there is one. */
  async createDefault(scope: GroupScope, start: Start | undefined): Promise<void> {
    const { groups, typedChannels } = this.#options;
    const settings = resolveGroupSettings(scope, {}, typedChannels);
    await groups.save(scope, settings, { after: await this.startOf(scope, start), changes: false });
  }

  /** The id behind which a group begins that begins now. */
  async startOf({ channel }: GroupScope, start: Start = 'first'): Promise<number> {
    const { after, firstId, lastId } = await findStart(this.#options.storage, channel, start);
    if (start !== 'first') return after;
    // What was dropped before it begins is not missed.
    return firstId === 0 ? lastId : firstId - 1;
  }

  /** Resolves once nothing is asked for any more and no dead letter is being written. */
  async idle(): Promise<void> {
    await this.#queues.idle();
    await Promise.all(this.#burials);
  }

  /** All of them are to the same group. */
  async #serve(requests: readonly Queued[]): Promise<void> {
    try {
      await this.#step(requests);
    } catch (error) {
      for (const { reject } of requests) reject(error);
    }
  }

  async #step(requests: readonly Queued[]): Promise<void> {
    const [first] = requests;
    if (first === undefined) return;
    const { scope } = first;
    const { groups, assertOpen } = this.#options;
    const key = keyOf(scope);
    const live = requests.find((request) => request.live !== undefined)?.live;
    let settle: readonly Settlement[] = requests.flatMap((request) => request.settle);
    let waiting = requests.filter((request) => request.take !== undefined);
    const settled = new Map<Queued, readonly boolean[]>(requests.map((request) => [request, []]));
    const events = new Map<Queued, ReceivedEvent[]>();
    const isSure = settle.length > 0 || requests.some((request) => request.isSure);
    let known = this.#known.get(key);
    let isFirst = true;
    let isTailTrusted = true;
    let least = 0;
    let page: EventPage | undefined;
    let dueInMs: number | undefined;
    const burials: Burial[] = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      for (;;) {
        assertOpen();
        const wanted = waiting.reduce((sum, { take }) => sum + (take?.limit ?? 0), 0);
        const limit = Math.max(Math.min(wanted, known?.settings.maxPending ?? wanted), least);
        const looked =
          known && waiting.length > 0
            ? await this.#look(scope, known, limit, live, isTailTrusted)
            : undefined;
        page = looked?.page ?? page;
        const mayBeGone = known !== undefined && looked !== undefined && isOfAnother(known, looked);
        if (known && looked?.page.count === 0) {
          known = { ...known, lookedTo: looked.found.to, epoch: looked.found.epoch };
          this.#remember(key, known);
        }
        const isNothingNew = looked === undefined || looked.found.events.length === 0 || known?.isBlocked;
        const isWaitOver = isSure || mayBeGone || !isNothingNew;
        if (isFirst && !isWaitOver && known && known.dueAt > performance.now()) {
          dueInMs = known.dueAt - performance.now();
          break;
        }
        if (!isFirst && looked?.page.count === 0 && settle.length === 0 && dueInMs !== 0) break;
        const takes = waiting.map(({ take }) => take as Take);
        const worked: GroupWorked | undefined = await groups.work(scope, {
          settle,
          found: looked?.found,
          takes,
        });
        if (worked === undefined) {
          this.#known.delete(key);
          known = undefined;
          for (const request of isFirst ? requests : waiting)
            if (!request.creates) request.resolve(undefined);
          waiting = waiting.filter(({ creates }) => creates);
          if (waiting.length === 0) break;
          await this.createDefault(scope, waiting[0]?.start);
          continue;
        }
        if (isFirst) share(worked.settled, requests, settled);
        isFirst = false;
        dueInMs = worked.dueInMs;
        burials.push(...this.#bury(scope, worked.settings, worked.dying));
        const gone = await this.#give(scope, worked, looked?.page, waiting, events);
        waiting = waiting.filter((request) => !events.has(request));
        const isBlocked = isStopped(worked, looked?.found);
        known = {
          settings: worked.settings,
          after: worked.after,
          isBlocked: isBlocked && waiting.length > 0,
          dueAt: performance.now() + (dueInMs ?? Number.POSITIVE_INFINITY),
          lookedTo: worked.after,
          epoch: looked?.found.epoch ?? '',
        };
        this.#remember(key, known);
        settle = gone;
        if (gone.length > 0) continue;
        if (waiting.length === 0) break;
        if (dueInMs === 0) continue;
        if (looked === undefined) continue;
        if (isBlocked || (worked.isFoundCurrent && looked.page.count === 0)) break;
        isTailTrusted = worked.isFoundCurrent;
        least = Math.min(Math.max(least, limit) * 4, MAX_READ);
      }
    } catch (error) {
      // What was done until then is done.
      if (isFirst) throw error;
      failure = { error };
      // When something is due is not known.
      this.#known.delete(key);
      dueInMs = LOOK_AGAIN_MS;
    }
    for (const request of requests) {
      if (failure && request.settle.length === 0 && !events.has(request)) {
        request.reject(failure.error);
        continue;
      }
      // Those that there was no group for have been told.
      const answer: GroupAnswer = {
        settled: settled.get(request) ?? [],
        events: events.get(request) ?? [],
        dueInMs,
        seen: known?.isBlocked ? Number.POSITIVE_INFINITY : (page?.lastId ?? 0),
        epoch: page ? epochOf(page) : '',
      };
      // Who ends the turn of an event is answered once its dead letter is there; who has events to work on does not wait.
      const own = answer.events.length > 0 ? [] : burialsOf(request, answer.settled, burials);
      if (own.length === 0) request.resolve(answer);
      else void Promise.all(own).then(() => request.resolve(answer));
    }
  }

  /** Events behind what the group has looked at, from memory if they are there. */
  async #look(
    scope: GroupScope,
    { after, lookedTo, epoch: known, settings: { order } }: Known,
    limit: number,
    live: LiveChannel | undefined,
    isTailTrusted: boolean,
  ): Promise<Found> {
    const read = (from: number) => this.#read(scope, from, limit, live, isTailTrusted);
    let page = await read(lookedTo);
    // What lies between may be another thing now.
    if (lookedTo > after && epochOf(page) !== known) page = await read(after);
    const events = page.texts.map((text) => ({ id: headerOf(text).id, value: orderValue(text, order) }));
    const to = events.at(-1)?.id ?? Math.max(page.lastId, after);
    const firstId = page.firstId || page.lastId + 1;
    return { page, found: { from: after, to, firstId, events, epoch: epochOf(page), order } };
  }

  async #read(
    { channel, type }: GroupScope,
    after: number,
    limit: number,
    live: LiveChannel | undefined,
    isTailTrusted: boolean,
  ): Promise<EventPage> {
    const { resets, isReady, tail } = live ?? {};
    const kept = isTailTrusted ? tail?.read(after, undefined, limit, type) : undefined;
    if (kept) return kept;
    const page = await this.#options.storage.scan({ channel, type, after, limit });
    // From now on what is appended is in memory.
    if (live && isReady && live.resets === resets && page.count === 0) live.start(page);
    return page;
  }

  /**
   * Gives each what was taken for it; resolves with what is to be said of events that are gone. If some cannot be read they go back
   * to the group, the others are given all the same, and this rejects.
   */
  async #give(
    scope: GroupScope,
    { taken, settings, isFoundCurrent }: GroupWorked,
    page: EventPage | undefined,
    waiting: readonly Queued[],
    events: Map<Queued, ReceivedEvent[]>,
  ): Promise<Settlement[]> {
    const all = taken.flat();
    if (all.length === 0) return [];
    // One that was out before may be another event by now, or redacted since the page was read.
    const isNew = new Set(isFoundCurrent ? all.filter(({ count }) => count === 1).map(({ id }) => id) : []);
    const texts = new Map<number, Buffer>();
    for (const text of page?.texts ?? []) {
      const { id } = headerOf(text);
      if (isNew.has(id)) texts.set(id, text);
    }
    const others = all.filter(({ id }) => !texts.has(id));
    let failure: { readonly error: unknown } | undefined;
    if (others.length > 0) {
      try {
        const found = await originalTexts(this.#options, scope, settings, others);
        for (const [i, { id }] of others.entries()) {
          const text = found[i];
          if (text !== undefined) texts.set(id, text);
        }
      } catch (error) {
        failure = { error };
      }
    }
    const { maxDeliveries } = settings;
    const gone: Settlement[] = [];
    const unread: Settlement[] = [];
    for (const [i, request] of waiting.entries()) {
      const { token } = request.take as Take;
      const received: ReceivedEvent[] = [];
      for (const { id, count, leaseMs } of taken[i] as readonly TakenEvent[]) {
        const text = texts.get(id);
        if (text && !isRedacted(text))
          received.push({ id, text, delivery: { token, count, maxDeliveries, leaseMs } });
        else if (failure && text === undefined) unread.push({ kind: 'release', id, token, uncounted: true });
        else gone.push({ kind: 'missed', id, token });
      }
      if (received.length > 0) events.set(request, received);
    }
    if (failure) {
      await this.#giveBack(scope, unread);
      throw failure.error;
    }
    return gone;
  }

  /** Does not reject: if the store is away the leases end. */
  async #giveBack(scope: GroupScope, settle: readonly Settlement[]): Promise<void> {
    try {
      await this.#options.groups.work(scope, { settle, found: undefined, takes: [] });
    } catch {
      // Nobody works on them meanwhile.
    }
  }

  /** Writes the dead letters. If that fails others are told of them later. */
  #bury(scope: GroupScope, settings: GroupSettings, dying: readonly DyingEvent[]): Burial[] {
    if (dying.length === 0) return [];
    const done = writeDeadLetters(this.#options, scope, settings, dying)
      .then((buried) => this.#options.groups.bury(scope, buried))
      .catch(() => {
        // The store is away or full.
      })
      .finally(() => this.#burials.delete(done));
    this.#burials.add(done);
    return [{ ids: new Set(dying.map(({ id }) => id)), done }];
  }

  #remember(key: string, known: Known): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= MAX_KNOWN) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}

/** Each gets the answers to what it has said. */
function share(
  all: readonly boolean[],
  requests: readonly Queued[],
  settled: Map<Queued, readonly boolean[]>,
): void {
  let i = 0;
  for (const request of requests) {
    settled.set(request, all.slice(i, i + request.settle.length));
    i += request.settle.length;
  }
}

/** Those of events whose turn the request has ended. */
function burialsOf(
  { settle }: GroupRequest,
  settled: readonly boolean[],
  burials: readonly Burial[],
): Promise<void>[] {
  const ended = settle.filter(({ kind }, i) => settled[i] && (kind === 'reject' || kind === 'release'));
  return burials.filter(({ ids }) => ended.some(({ id }) => ids.has(id))).map(({ done }) => done);
}

/** Whether the channel may have come back older, or empty, since it was known: the group then has too. */
function isOfAnother({ after, epoch }: Known, { page, found }: Found): boolean {
  return page.lastId < after || (epoch !== '' && found.epoch !== epoch);
}

function epochOf({ epochs }: EventPage): string {
  return epochs?.current ?? '';
}

/** Whether the group has not taken what was found, though it could: it is full, or waits for its one event. */
function isStopped({ isFoundCurrent, after }: GroupWorked, found: FoundEvents | undefined): boolean {
  return found !== undefined && isFoundCurrent && after < found.to;
}

/** Stands for the value of the order's field; empty if it has none. */
function orderValue(text: Buffer, order: string | undefined): string {
  if (order === undefined || order === '*') return '';
  const value = indexedValue(JSON.parse(text.toString()) as Event, order);
  return value === undefined ? '' : indexKey(value);
}

function keyOf({ channel, type, group }: GroupScope): string {
  return JSON.stringify([channel, type ?? null, group]);
}
