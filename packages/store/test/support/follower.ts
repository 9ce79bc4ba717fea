import { EventsError, parseChannel } from '@ganomede/events-protocol';
import { expect } from 'vitest';
import type { EventStore } from '../../src/event-store.js';
import type { EventPage } from '../../src/events/event-page.js';
import { headerOf } from '../../src/events/event-text.js';
import type { History, LoggedEvent } from './history.js';
import type { SharedMemory } from './shared-memory.js';

/** What a follower asks for each time. */
export interface FollowerSettings {
  /** As on the wire: `channel` or `channel:type`. */
  readonly name: string;
  readonly limit: number;
  readonly timeoutMs: number;
  /** Whether it takes the `lastId` of a page without events for its next cursor. */
  readonly skipsAhead: boolean;
  /** The process that it polls first, and whether it goes on to another each time. */
  readonly on: number;
  readonly moves: boolean;
}

/** A consumer that polls one page after the other, and compares each with what the engine was given. */
export class Follower {
  readonly #memory: SharedMemory;
  readonly #settings: FollowerSettings;
  readonly #failed: (error: unknown) => void;
  readonly #channel: string;
  readonly #type: string | undefined;
  #after = 0;
  #epoch: string | undefined;
  /** What it has got, without what it was told to be lost. */
  #seen: LoggedEvent[] = [];
  /** Ids of events that it was told to be dropped. */
  readonly #missed = new Set<number>();
  #polls = 0;
  #running: AbortController | undefined;

  /** `failed` is told of a page that is not as it must be. */
  constructor(memory: SharedMemory, settings: FollowerSettings, failed: (error: unknown) => void) {
    this.#memory = memory;
    this.#settings = settings;
    this.#failed = failed;
    const { channel, type } = parseChannel(settings.name, true);
    this.#channel = channel;
    this.#type = type;
  }

  /** Whether a poll is running. */
  get isPolling(): boolean {
    return this.#running !== undefined;
  }

  /** What the engine has, and it has not; and what it has and the engine never had, or has lost, without its being told. */
  get differences(): { readonly missing: readonly LoggedEvent[]; readonly unknown: readonly LoggedEvent[] } {
    const { history } = this.#memory;
    const log = history.log(this.#channel).filter((event) => this.#isMine(event));
    const [known, seen] = [log, this.#seen].map((events) => new Set(events.map(({ json }) => json)));
    const kept = log.filter(({ id }) => id >= history.firstId(this.#channel) && !this.#missed.has(id));
    return {
      missing: kept.filter(({ json }) => !seen?.has(json)),
      unknown: this.#seen.filter(({ json }) => !known?.has(json)),
    };
  }

  /** Polls until a poll finds nothing or fails, each time at the next of the stores. Does nothing if it polls already. */
  poll(stores: () => readonly EventStore[]): void {
    if (this.#running !== undefined) return;
    const controller = new AbortController();
    this.#running = controller;
    const [after, epoch] = [this.#after, this.#epoch];
    const { name, limit, timeoutMs, on, moves } = this.#settings;
    const all = stores();
    const store = all[(on + (moves ? this.#polls++ : 0)) % all.length] as EventStore;
    store.poll({ channel: name, after, epoch, limit }, { timeoutMs, signal: controller.signal }).then(
      (page) => {
        this.#running = undefined;
        try {
          this.#take(page, after);
        } catch (error) {
          this.#failed(error);
          return;
        }
        if (page.count > 0) this.poll(stores);
      },
      (error: unknown) => {
        this.#running = undefined;
        if (!(error instanceof EventsError) || error.code !== 'ServiceUnavailable') this.#failed(error);
      },
    );
  }

  abort(): void {
    this.#running?.abort();
  }

  #isMine({ type }: LoggedEvent): boolean {
    return this.#type === undefined || type === this.#type;
  }

  #take(page: EventPage, after: number): void {
    const { histories } = this.#memory;
    const { rewoundTo } = page;
    if (rewoundTo !== undefined) {
      expect(histories.length, `rewound from ${after} to ${rewoundTo}`).toBeGreaterThan(1);
      expect(rewoundTo).toBeLessThan(after);
      this.#seen = this.#seen.filter(({ id }) => id <= rewoundTo);
      for (const id of this.#missed) if (id > rewoundTo) this.#missed.delete(id);
    }
    const from = rewoundTo ?? after;
    // Nobody can know that the engine is another one before it has told something.
    const read = histories.findLast((history) => this.#isOf(history, page, from)) ?? this.#memory.history;
    const { kept, dropped } = this.#expected(read, page, from);
    const { firstId, lastId, epoch } = page;
    const about = `${this.#settings.name} after ${from}, told ${firstId} to ${lastId} of epoch ${epoch}`;
    expect(page.texts.map(String), about).toEqual(kept.map(({ json }) => json));
    this.#checkBounds(read, page, from);
    this.#seen.push(...kept);
    for (const { id } of dropped) this.#missed.add(id);

    const last = kept.at(-1);
    if (last !== undefined) this.#after = last.id;
    else if (this.#settings.skipsAhead) this.#after = page.lastId;
    else this.#after = from;
    // A poll that has ended before it could look knows none.
    const isMoved = last !== undefined || rewoundTo !== undefined || this.#settings.skipsAhead;
    if (isMoved && page.epoch !== '') this.#epoch = page.epoch;
  }

  #isOf(history: History, page: EventPage, from: number): boolean {
    if (page.lastId > history.log(this.#channel).length) return false;
    const { kept } = this.#expected(history, page, from);
    return kept.length === page.count && kept.every(({ json }, i) => json === page.texts[i]?.toString());
  }

  /**
   * Every event up to the page's `lastId` that lies behind the cursor and is kept, in order, and nothing else. Events that are
   * dropped while a page is read may be in it or not, but it says if they are not; a page without events may say so later.
   */
  #expected(
    history: History,
    page: EventPage,
    from: number,
  ): { kept: LoggedEvent[]; dropped: LoggedEvent[] } {
    const [first] = page.texts;
    const firstId = first === undefined ? 0 : page.firstId;
    const oldest = Math.min(
      firstId || history.firstId(this.#channel),
      first === undefined ? Number.POSITIVE_INFINITY : headerOf(first).id,
    );
    const events = history
      .log(this.#channel)
      .filter((event) => event.id > from && event.id <= page.lastId && this.#isMine(event));
    return {
      kept: events.filter(({ id }) => id >= oldest).slice(0, this.#settings.limit),
      dropped: events.filter(({ id }) => id < oldest),
    };
  }

  #checkBounds(history: History, { firstId, lastId }: EventPage, from: number): void {
    const about = `${this.#settings.name} after ${from}, told ${firstId} to ${lastId}`;
    expect(lastId, about).toBeLessThanOrEqual(history.log(this.#channel).length);
    // Less would tell the consumer that the store has lost events.
    expect(lastId, about).toBeGreaterThanOrEqual(from);
    // What was dropped before a rewind may be told after it.
    const firstIds = this.#memory.histories.map((each) => each.firstId(this.#channel));
    expect(firstId, about).toBeLessThanOrEqual(Math.max(...firstIds));
  }
}
