import { EventsError, parseChannel } from '@ganomede/events-protocol';
import { expect } from 'vitest';
import type { EventStore } from '../../src/event-store.js';
import type { EventPage } from '../../src/events/event-page.js';
import { headerOf } from '../../src/events/event-text.js';
import type { LoggedEvent, SharedMemory } from './shared-memory.js';

/** What a follower asks for each time. */
export interface FollowerSettings {
  /** As on the wire: `channel` or `channel:type`. */
  readonly name: string;
  readonly limit: number;
  readonly timeoutMs: number;
  /** Whether it takes a page's `lastId` for its next cursor if the page is not full, instead of its last event's id. */
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

  /** What the engine has for it now. */
  get pending(): readonly LoggedEvent[] {
    return this.#memory.kept(this.#channel).filter((event) => event.id > this.#after && this.#isMine(event));
  }

  /** Polls until a poll finds nothing or fails, each time at the next of the stores. Does nothing if it polls already. */
  poll(stores: () => readonly EventStore[]): void {
    if (this.#running !== undefined) return;
    const controller = new AbortController();
    this.#running = controller;
    const after = this.#after;
    const { name, limit, timeoutMs, on, moves } = this.#settings;
    const all = stores();
    const store = all[(on + (moves ? this.#polls++ : 0)) % all.length] as EventStore;
    store.poll({ channel: name, after, limit }, { timeoutMs, signal: controller.signal }).then(
      (page) => {
        this.#running = undefined;
        try {
          this.#check(page, after);
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

  #events(after: number, upTo: number): LoggedEvent[] {
    const log = this.#memory.log(this.#channel);
    return log.filter((event) => event.id > after && event.id <= upTo && this.#isMine(event));
  }

  #isMine({ type }: LoggedEvent): boolean {
    return this.#type === undefined || type === this.#type;
  }

  /** It has every event up to its `lastId` that lies behind the cursor and is kept, in order, and nothing else. */
  #check(page: EventPage, after: number): void {
    const { firstId, lastId } = page;
    const about = `${this.#settings.name} after ${after}, told ${firstId} to ${lastId}`;
    expect(lastId, about).toBeLessThanOrEqual(this.#memory.log(this.#channel).length);
    // Less would tell the consumer that the store has lost events.
    expect(lastId, about).toBeGreaterThanOrEqual(after);
    expect(firstId, about).toBeLessThanOrEqual(this.#memory.firstId(this.#channel));
    const events = this.#events(after, lastId);
    const found = page.texts.map(String);
    // Events that are dropped while a page is read may be in it or not, but it says if they are not.
    const from = firstId === 0 ? this.#memory.firstId(this.#channel) : firstId;
    const oldest = page.texts[0] === undefined ? from : headerOf(page.texts[0]).id;
    const kept = events.filter(({ id }) => id >= Math.min(from, oldest));
    expect(found, about).toEqual(kept.slice(0, this.#settings.limit).map(({ json }) => json));
    const isFull = page.count >= this.#settings.limit;
    const last = page.texts.at(-1);
    if (this.#settings.skipsAhead && !isFull) this.#after = Math.max(after, lastId);
    else if (last !== undefined) this.#after = headerOf(last).id;
  }
}
