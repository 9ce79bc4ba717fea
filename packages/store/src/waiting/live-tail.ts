import { Epochs } from '../events/epochs.js';
import { type ChannelBounds, EventPage } from '../events/event-page.js';
import { headerOf } from '../events/event-text.js';
import type { TailEvent } from '../storage.js';

/** Bounds of one channel's tail. */
const MAX_EVENTS = 1_000;
const MAX_BYTES = 256 * 1024;
/** Blocks that events are copied into grow from and up to, bytes. */
const LEAST_BLOCK = 1024;
const LARGEST_BLOCK = 64 * 1024;
/** Pages kept for readers at the same cursor; a burst of waiters needs one or two. */
const MAX_SHARED_PAGES = 16;

/** What was read from a tail since it last changed. */
interface SharedPage {
  readonly after: number;
  readonly limit: number;
  readonly type: string | undefined;
  readonly page: EventPage;
}

/**
 * The newest events of a channel, held in memory without a gap, so that readers near the end are answered
 * without asking the store, all those at one cursor with the same buffer.
 */
export class LiveTail {
  /** `#events[i]` has id `#base + i + 1`. */
  readonly #events: TailEvent[] = [];
  #base = 0;
  /** Of events up to here the type is not known: they were read from the store. */
  #untyped = 0;
  #bytes = 0;
  /** Undefined until a read of the store has told it. */
  #firstId: number | undefined;
  /** The oldest id that it heard to be kept before it has started. */
  #dropped = 0;
  #started = false;
  /** Of what is held. */
  #epochs = Epochs.NONE;
  /** Whether those before are known too. */
  #epochsKnown = false;
  /** How many redactions what is held has seen; undefined until a read of the store has told it. */
  #redactions: number | undefined;
  /** Newest id at the last `age`. */
  #aged = 0;
  /** Not a Map, which is cleared too often: see `Roster`. */
  readonly #pages: SharedPage[] = [];
  /** Where the next event is copied to. */
  #block: Buffer | undefined;
  #blockUsed = 0;

  /** Whether the tail knows where it begins. */
  get started(): boolean {
    return this.#started;
  }

  /** Newest id known; 0 before the tail has started. */
  get lastId(): number {
    return this.#base + this.#events.length;
  }

  /** How many redactions of the channel it knows of; undefined if that is not known. */
  get redactions(): number | undefined {
    return this.#redactions;
  }

  /** Whether it holds events. */
  get holdsEvents(): boolean {
    return this.#events.length > 0;
  }

  /** The current epoch of the channel; empty if it has none. */
  get epoch(): string {
    return this.#epochs.current;
  }

  /**
   * A read of the store has seen everything up to `lastId`: what comes next is the tail. If it was of another epoch than what
   * is held nobody can tell which is newer: then it does nothing, and the answer is false.
   */
  start(bounds: ChannelBounds): boolean {
    const { epochs = Epochs.NONE, redactions = 0 } = bounds;
    if (this.#started && epochs.current !== this.epoch && !this.#isEmptyChannel()) {
      return false;
    }
    if (!this.#started || bounds.lastId > this.lastId) this.#clear(bounds.lastId);
    this.#started = true;
    this.#epochs = epochs;
    this.#epochsKnown = true;
    // If the store was still empty, the first event that was pushed since is the oldest.
    const firstId = bounds.firstId || (this.#events[0]?.id ?? 0);
    // A read may be older than what was dropped since.
    const dropped = this.#firstId ?? this.#dropped;
    this.#firstId = dropped > this.lastId ? firstId : Math.max(firstId, dropped);
    this.#forget(this.#firstId - 1 - this.#base);
    // What came before that read may be what was redacted since.
    if (redactions !== (this.#redactions ?? 0)) this.#forget(this.#events.length);
    this.#redactions = redactions;
    return true;
  }

  /** Events below `firstId` are kept no longer. If more are dropped than it has heard of it forgets everything, and the answer is false. */
  drop(firstId: number): boolean {
    if (!this.#started) {
      // A read that is running may be older.
      this.#dropped = firstId;
      return true;
    }
    if (firstId === this.#firstId) return true;
    if (firstId > this.lastId + 1) {
      this.reset();
      return false;
    }
    this.#firstId = firstId > this.lastId ? 0 : firstId;
    this.#forget(firstId - 1 - this.#base);
    return true;
  }

  /** Lets go of what was here at the last call already: only readers that are close behind are served from here. */
  age(): void {
    this.#forget(this.#aged - this.#base);
    this.#pages.length = 0;
    this.#aged = this.lastId;
  }

  /**
   * Takes the next event, and copies it. After a gap, and in another epoch, only what follows is kept; what is known already
   * is ignored.
   */
  push(event: TailEvent, epoch: string): void {
    if (epoch !== this.epoch) this.#beginEpoch(event.id, epoch);
    if (this.#started && event.id <= this.lastId) return;
    if (!this.#started || event.id !== this.lastId + 1) this.#clear(event.id - 1);
    this.#started = true;
    if (this.#firstId === 0) this.#firstId = event.id;
    this.#events.push({ ...event, json: this.#copyOf(event.json) });
    this.#bytes += event.json.length;
    this.#pages.length = 0;
    this.#trim();
  }

  /**
   * Takes what a read of the whole channel after a cursor has found in the store, if it reaches up to what is
   * held: consumers that catch up find the last pages in memory. What is held is not dropped for it.
   */
  adopt(after: number, { texts, firstId, epochs = Epochs.NONE, redactions }: EventPage): void {
    if ((redactions ?? 0) !== (this.#redactions ?? 0)) return;
    const older = this.#base - after;
    if (!this.#started || older <= 0 || older > texts.length || epochs.current !== this.epoch) return;
    // There is a gap.
    if (headerOf(texts[older - 1] as Buffer).id !== this.#base) return;
    // The read may be older than what was dropped since.
    if (Math.max(firstId, this.#firstId ?? 0) > after + 1) return;
    const bytes = texts.slice(0, older).reduce((sum, text) => sum + text.length, 0);
    if (this.#events.length + older > MAX_EVENTS || this.#bytes + bytes > MAX_BYTES) return;
    const events = texts.slice(0, older).map(
      (text, i): TailEvent => ({
        id: after + 1 + i,
        type: '',
        json: this.#copyOf(text),
      }),
    );
    this.#untyped = Math.max(this.#untyped, this.#base);
    this.#epochs = epochs;
    this.#epochsKnown = true;
    this.#events.unshift(...events);
    this.#base = after;
    this.#bytes += bytes;
    this.#pages.length = 0;
  }

  /** Forgets everything: the next reader asks the store. */
  reset(): void {
    this.#clear(0);
    this.#started = false;
    this.#firstId = undefined;
    this.#dropped = 0;
    this.#epochs = Epochs.NONE;
    this.#redactions = undefined;
  }

  /**
   * Events after a cursor (of whichever epoch, if `epoch` is undefined), of one type if `type` is given. Undefined if the tail
   * does not reach back to `after`, or not up to it, or the cursor's epoch is not known to go so far: ask the store.
   */
  read(
    after: number,
    epoch: string | undefined,
    limit: number,
    type: string | undefined,
  ): EventPage | undefined {
    if (epoch !== undefined && !this.#reaches(after, epoch)) return undefined;
    const base = type === undefined ? this.#base : Math.max(this.#base, this.#untyped);
    if (!this.#started || this.#firstId === undefined || after < base || after > this.lastId)
      return undefined;
    const shared = this.#pages.find(
      (page) => page.after === after && page.limit === limit && page.type === type,
    );
    if (shared !== undefined) return shared.page;
    const page = new EventPage(this.#texts(after, limit, type), {
      firstId: this.#firstId,
      lastId: this.lastId,
      epochs: this.#epochs,
      redactions: this.#redactions,
    });
    if (this.#pages.length >= MAX_SHARED_PAGES) this.#pages.length = 0;
    this.#pages.push({ after, limit, type, page });
    return page;
  }

  #texts(after: number, limit: number, type: string | undefined): Buffer[] {
    const start = after - this.#base;
    if (type === undefined) return this.#events.slice(start, start + limit).map(({ json }) => json);
    const texts: Buffer[] = [];
    for (let i = start; i < this.#events.length && texts.length < limit; i++) {
      const event = this.#events[i];
      if (event?.type === type) texts.push(event.json);
    }
    return texts;
  }

  /** In memory of the tail's own: a small buffer of Node's keeps the 8 KiB that it shares with others. */
  #copyOf(json: Buffer): Buffer {
    if (this.#block === undefined || this.#blockUsed + json.length > this.#block.length) {
      const size = Math.min(Math.max(2 * (this.#block?.length ?? 0), LEAST_BLOCK), LARGEST_BLOCK);
      this.#block = Buffer.allocUnsafeSlow(Math.max(size, json.length));
      this.#blockUsed = 0;
    }
    const start = this.#blockUsed;
    this.#blockUsed += json.length;
    this.#block.set(json, start);
    return this.#block.subarray(start, this.#blockUsed);
  }

  /** What came before may be what the store no longer has. */
  #beginEpoch(id: number, epoch: string): void {
    if (!this.#isEmptyChannel()) {
      this.reset();
      this.#clear(id - 1);
      this.#started = true;
      this.#epochsKnown = false;
    }
    this.#epochs = new Epochs(epoch, '');
  }

  /** Whether a cursor of the epoch is known to have seen nothing but what the channel has. */
  #reaches(after: number, epoch: string): boolean {
    if (epoch === this.epoch) return true;
    return this.#epochsKnown && after <= (this.#epochs.endOf(epoch) ?? -1);
  }

  /** Whether the store was read when nothing had ever been appended: the first append is no change. */
  #isEmptyChannel(): boolean {
    return this.#started && this.#firstId === 0 && this.lastId === 0;
  }

  /** Drops the older half at a time, so that the cost of dropping is spread. */
  #trim(): void {
    if (this.#events.length <= MAX_EVENTS && this.#bytes <= MAX_BYTES) return;
    this.#forget(Math.ceil(this.#events.length / 2));
    if (this.#bytes > MAX_BYTES) this.#trim();
  }

  #forget(count: number): void {
    if (count <= 0) return;
    const dropped = this.#events.splice(0, count);
    for (const event of dropped) this.#bytes -= event.json.length;
    this.#base += dropped.length;
    this.#pages.length = 0;
    this.#freeBlock();
  }

  #clear(base: number): void {
    this.#events.length = 0;
    this.#bytes = 0;
    this.#base = base;
    this.#untyped = 0;
    this.#pages.length = 0;
    this.#freeBlock();
  }

  /** A channel where nothing happens holds nothing. */
  #freeBlock(): void {
    if (this.#events.length > 0) return;
    this.#block = undefined;
    this.#blockUsed = 0;
  }
}
