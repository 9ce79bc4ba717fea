import { signal } from '@preact/signals';
import { type Event, latest, readIndex } from '../api/events-api.js';
import { follow } from '../api/follow.js';
import { isAborted } from '../api/request.js';
import { wholeOf } from './channel-name.js';
import { textLengthOf } from './event-text.js';

/** Events of one request. */
const PAGE = 200;
/** The most events that are held: those further away are let go of, and read again when somebody comes near. */
const MOST_HELD = 4_000;
/** The most events that are held while new ones come. */
const MOST_LIVE = 1_000;
/** Of large events fewer are held: as many as have so much data, in characters of JSON, */
const MOST_CHARACTERS = 32_000_000;
/** but so many, as more is asked for where an end is near. */
const LEAST_HELD = 200;
/** Whoever is so many ids behind what is published passes over them: they would be let go of before they were seen. */
const MOST_BEHIND = 3 * MOST_LIVE;
/** So does whoever gets events so much later than others before, milliseconds: they wait somewhere on their way. */
const MOST_DELAY_MS = 3_000;

/** What is looked at: a channel name, or what an index of a channel finds. */
export interface Selection {
  /** The name, perhaps with a type. */
  readonly channel: string;
  readonly index?: { readonly id: string; readonly value: string } | undefined;
}

/**
 * A part of a channel, the newest event first: it grows at both ends as somebody looks there, and with what is published while it is
 * at the newest. What it holds is bounded.
 */
export class EventWindow {
  readonly events = signal<readonly Event[]>([]);
  /** Whether there are no older events. */
  readonly isAtFirst = signal(false);
  /** Whether there are no newer events than these and those that wait. */
  readonly isAtLast = signal(false);
  readonly isLoading = signal(true);
  /** Whether new events come by themselves. */
  readonly isLive = signal(false);
  readonly isPaused = signal(false);
  /** How many events have come during the pause. */
  readonly waiting = signal(0);
  readonly error = signal<Error | undefined>(undefined);
  /** The bounds of the channel. */
  readonly bounds = signal<{ readonly firstId: number; readonly lastId: number }>({ firstId: 0, lastId: 0 });

  readonly #selection: Selection;
  /** Ends all that goes on. */
  #end = new AbortController();
  /** Ascending by id: not drawn yet, or held back by the pause. */
  #arrived: Event[] = [];
  /** Whether some between them and what is held were let go of. */
  #hasGap = false;
  #frame = 0;
  #isReadingMore = false;
  /** Where it was to begin; undefined: at the newest. */
  #aroundId: number | undefined;
  /** Whether it could begin. */
  #isOpen = false;

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  /** Begins with the newest events and those to come, or around an id. Resolves with whether it did: it may fail, or begin elsewhere meanwhile. */
  async open(aroundId?: number): Promise<boolean> {
    this.close();
    this.#end = new AbortController();
    this.#aroundId = aroundId;
    this.#isOpen = false;
    const { signal } = this.#end;
    this.isLoading.value = true;
    this.error.value = undefined;
    this.#letGo();
    try {
      const page = await this.#read(aroundId === undefined ? undefined : aroundId + 1, PAGE);
      const isAtLast = aroundId === undefined || aroundId >= this.bounds.peek().lastId;
      this.events.value = page.events;
      this.isAtFirst.value = page.isAtFirst;
      this.isAtLast.value = isAtLast;
      if (!isAtLast) await this.#readNewer();
      else if (this.#selection.index === undefined) this.#follow(page.epoch, signal);
      this.#isOpen = true;
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    } finally {
      if (this.#end.signal === signal) this.isLoading.value = false;
    }
  }

  /** Reads again what could not be read, if anything; whoever looks at events goes on seeing them. */
  retry(): void {
    if (this.isLoading.peek() || this.error.peek() === undefined) return;
    if (!this.#isOpen) {
      void this.open(this.#aroundId);
      return;
    }
    this.error.value = undefined;
    // Who looks at an end of them asks for more.
    this.events.value = [...this.events.peek()];
  }

  close(): void {
    this.#end.abort();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.isLive.value = false;
  }

  /** Somebody looks at the oldest of these events. */
  loadOlder = () =>
    this.#readMore(!this.isAtFirst.peek(), async () => {
      const { events, isAtFirst } = await this.#read(this.events.peek().at(-1)?.id, PAGE);
      const all = [...this.events.peek(), ...events];
      this.isAtFirst.value = isAtFirst;
      const held = thatFit(all.toReversed(), MOST_HELD);
      if (held < all.length) this.#leaveLast();
      this.events.value = all.slice(-held);
    });

  /** Somebody looks at the newest of these events. */
  loadNewer = () => this.#readMore(!this.isAtLast.peek(), () => this.#readNewer());

  pause(): void {
    this.isPaused.value = true;
  }

  /** Goes on with what has come meanwhile. */
  resume(): void {
    this.isPaused.value = false;
    if (!this.isAtLast.peek() || this.#hasGap) void this.open();
    else this.#draw();
  }

  /** Shows that an event is redacted. */
  redacted(id: number): void {
    this.events.value = this.events.peek().map((event) => {
      const { timestamp, from, type } = event;
      return event.id === id ? { id, timestamp, from, type, redacted: true } : event;
    });
  }

  async #readMore(isThere: boolean, read: () => Promise<void>): Promise<void> {
    if (!isThere || this.#isReadingMore || this.isLoading.peek()) return;
    this.#isReadingMore = true;
    try {
      await read();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isReadingMore = false;
    }
  }

  /**
   * The API reads backwards: what is newer is read from a little above, further above if there is nothing, less far if there may be
   * more between than the server puts into one answer.
   */
  async #readNewer(): Promise<void> {
    let from = this.events.peek()[0]?.id ?? 0;
    for (let span = PAGE; ; ) {
      const before = from + span + 1;
      const { events, isAtFirst } = await this.#read(before, PAGE);
      const newer = events.filter(({ id }) => id > from);
      const { lastId } = this.bounds.peek();
      const isWhole = newer.length < events.length || isAtFirst || newer.at(-1)?.id === from + 1;
      if (!isWhole && span > 1) {
        span = Math.min(Math.floor(span / 2), newer.length);
      } else if (newer.length === 0 && before <= lastId) {
        from += span;
        span *= 2;
      } else {
        const all = [...newer, ...this.events.peek()];
        const held = thatFit(all, MOST_HELD);
        if (held < all.length) this.isAtFirst.value = false;
        this.events.value = all.slice(0, held);
        if (before > lastId) this.#reachLast();
        return;
      }
    }
  }

  #reachLast(): void {
    this.isAtLast.value = true;
    if (this.#selection.index === undefined) this.#follow(undefined, this.#end.signal);
  }

  /** What comes is not held any more; the newest are read again when somebody wants to see them. */
  #leaveLast(): void {
    if (!this.isAtLast.peek()) return;
    this.isAtLast.value = false;
    this.#letGo();
    this.close();
    this.#end = new AbortController();
  }

  /** Events before an id, the newest first. */
  async #read(before: number | undefined, limit: number) {
    const { channel, index } = this.#selection;
    const { signal } = this.#end;
    if (index === undefined) {
      const { events, firstId, lastId, epoch } = await latest({ channel, limit, before }, signal);
      signal.throwIfAborted();
      this.bounds.value = { firstId, lastId };
      return { events, isAtFirst: (events.at(-1)?.id ?? 0) <= firstId, epoch };
    }
    const { rows, next } = await readIndex({ ...index, limit, before }, signal);
    signal.throwIfAborted();
    this.bounds.value = { firstId: 0, lastId: Math.max(this.bounds.peek().lastId, rows[0]?.id ?? 0) };
    return { events: rows, isAtFirst: next === undefined, epoch: undefined };
  }

  /** `after`: default: the newest of what is held. */
  #follow(epoch: string | undefined, signal: AbortSignal, after?: number): void {
    const { channel } = this.#selection;
    const { lastId, firstId } = this.bounds.peek();
    // The clock of the server may be another one.
    let leastAgeMs = Number.POSITIVE_INFINITY;
    void follow(
      { channel, after: after ?? this.events.peek()[0]?.id ?? lastId, epoch },
      {
        came: (events, { after, lastId }) => {
          this.bounds.value = { firstId: firstId || (events[0]?.id ?? 0), lastId };
          this.#came(events);
          const ageMs = Date.now() - (events.at(-1)?.timestamp ?? Number.POSITIVE_INFINITY);
          leastAgeMs = Math.min(leastAgeMs, ageMs);
          const isDelayed = ageMs - leastAgeMs > MOST_DELAY_MS;
          if (isDelayed || lastId - after > MOST_BEHIND) void this.#skip(after);
        },
        rewound: () => void this.open(),
        isLive: (live) => {
          if (!signal.aborted) this.isLive.value = live;
        },
        refused: (error) => this.#failed(error),
      },
      signal,
    );
  }

  /** Goes on with the newest events, as far as they come faster than they can be taken. */
  async #skip(after: number): Promise<void> {
    this.#end.abort();
    this.#end = new AbortController();
    const { signal } = this.#end;
    try {
      const { events, epoch } = await this.#read(undefined, PAGE);
      const [newest] = events;
      if (newest === undefined) return void this.open();
      const newer = events.filter(({ id }) => id > after).reverse();
      const hasGap = newer.length === events.length;
      if (hasGap) this.#hasGap = true;
      this.#arrived = hasGap ? newer : [...this.#arrived, ...newer];
      // How many of those between are of one type is not known.
      const isCounted = hasGap && wholeOf(this.#selection.channel) === this.#selection.channel;
      this.waiting.value += isCounted ? newest.id - after : newer.length;
      this.#follow(epoch, signal, Math.max(newest.id, after));
      if (newer.length > 0) this.#drawSoon();
    } catch (error) {
      if (!isAborted(error)) this.#follow(undefined, signal, after);
    }
  }

  #came(events: Event[]): void {
    const arrived = [...this.#arrived, ...events];
    const held = thatFit(arrived.toReversed(), MOST_LIVE);
    if (held < arrived.length) this.#hasGap = true;
    this.#arrived = arrived.slice(-held);
    this.waiting.value += events.length;
    this.#drawSoon();
  }

  #drawSoon(): void {
    if (this.isPaused.peek() || this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.isPaused.peek()) this.#draw();
    });
  }

  #draw(): void {
    const all = [...this.#arrived.reverse(), ...(this.#hasGap ? [] : this.events.peek())];
    const held = thatFit(all, MOST_LIVE);
    if (this.#hasGap || held < all.length) this.isAtFirst.value = false;
    this.#letGo();
    this.events.value = all.slice(0, held);
  }

  /** Of what has come and is not drawn. */
  #letGo(): void {
    this.#arrived = [];
    this.#hasGap = false;
    this.waiting.value = 0;
  }

  #failed(error: unknown): void {
    if (!isAborted(error)) this.error.value = error instanceof Error ? error : new Error(String(error));
  }
}

/** How many of the first of these events can be held, at most so many. */
function thatFit(events: readonly Event[], most: number): number {
  let characters = 0;
  const end = events.findIndex((event, i) => {
    characters += textLengthOf(event.data);
    return i >= most || (i >= LEAST_HELD && characters > MOST_CHARACTERS);
  });
  return end === -1 ? events.length : end;
}
