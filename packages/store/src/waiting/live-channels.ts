import type { ChannelBounds, EventPage } from '../events/event-page.js';
import type { GroupScope } from '../groups/group-storage.js';
import type { Subscriptions, TailEvent } from '../storage.js';
import { LiveTail } from './live-tail.js';
import { Waiters } from './waiter.js';

/**
 * An event stays in a tail for one to two times as long, and so does a channel after its last poll: most consumers
 * come back at once. Milliseconds.
 */
const AGE_MS = 10_000;

/** A channel that somebody polls: its tail, and those who wait for its next event. */
export class LiveChannel {
  readonly name: string;
  readonly tail = new LiveTail();
  readonly waiters = new Waiters();
  /** Resolves once no event can be missed any more. */
  readonly ready: Promise<void>;
  /** Polls that are running on the channel. */
  users = 0;
  /** Whether `ready` has resolved. */
  isReady: boolean;
  /** How often events of any group became due before their time: what looked before does not know. */
  releases = 0;
  /** Whether nobody has polled it since the last time that channels aged. */
  unused = false;
  #resets = 0;
  readonly #reads = new Map<string, Promise<EventPage>>();

  /** Without `ready` no event is ever missed. */
  constructor(name: string, ready?: Promise<void>) {
    this.name = name;
    this.isReady = ready === undefined;
    this.ready = (ready ?? Promise.resolve()).then(() => {
      this.isReady = true;
    });
  }

  /** How often events may have been missed: a read that began before the last time does not count. */
  get resets(): number {
    return this.#resets;
  }

  /**
   * A read of the store has seen everything up to `lastId`. If that is more than was known, those who wait look again; if it
   * is of another epoch everybody does, and the answer is false.
   */
  start(bounds: ChannelBounds): boolean {
    const { started, lastId } = this.tail;
    if (!this.tail.start(bounds)) {
      this.reset();
      return false;
    }
    if (started && this.tail.lastId > lastId) this.waiters.wakeAll();
    return true;
  }

  /** Events may have been missed: everybody reads the store again. */
  reset(): void {
    this.#resets++;
    this.tail.reset();
    this.#reads.clear();
    this.waiters.wakeAll();
  }

  /** Joins the running read of the same key, or starts one: many waiters cost one read. */
  share(key: string, read: () => Promise<EventPage>): Promise<EventPage> {
    let running = this.#reads.get(key);
    if (running === undefined) {
      const started = this.#compared(read).finally(() => {
        if (this.#reads.get(key) === started) this.#reads.delete(key);
      });
      running = started;
      this.#reads.set(key, running);
    }
    return running;
  }

  /** If it has seen less than was known when it began the store came back older, and nobody has said so. */
  async #compared(read: () => Promise<EventPage>): Promise<EventPage> {
    const { lastId } = this.tail;
    const resets = this.#resets;
    const page = await read();
    if (page.lastId < lastId && this.#resets === resets) this.reset();
    return page;
  }
}

/** The channels that somebody polls. The first poll makes a channel live; it stays so for a while after the last. */
export class LiveChannels {
  readonly #channels = new Map<string, LiveChannel>();
  readonly #subscriptions: Pick<Subscriptions, 'subscribe' | 'unsubscribe'> | undefined;
  /** Runs while channels are live. */
  #ageing: NodeJS.Timeout | undefined;
  #closed = false;

  /** Without `subscriptions` every event is pushed anyway. */
  constructor(subscriptions?: Pick<Subscriptions, 'subscribe' | 'unsubscribe'>) {
    this.#subscriptions = subscriptions;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Number of polls waiting now. */
  get waiting(): number {
    let sum = 0;
    for (const live of this.#channels.values()) sum += live.waiters.size;
    return sum;
  }

  /** The live channel, for one poll; to be given back with `release`. */
  use(channel: string): LiveChannel {
    let live = this.#channels.get(channel);
    if (live === undefined) {
      const fresh = new LiveChannel(channel, this.#subscriptions?.subscribe(channel));
      this.#channels.set(channel, fresh);
      this.#ageing ??= setInterval(() => this.#age(), AGE_MS).unref();
      fresh.ready.catch(() => this.#forget(fresh));
      live = fresh;
    }
    live.users++;
    live.unused = false;
    return live;
  }

  release(live: LiveChannel): void {
    live.users--;
  }

  /**
   * New events of a channel, ascending by id, their epoch, and the oldest id that it has kept, as for `drop`. Wakes
   * everybody who waits on it.
   */
  push(channel: string, events: Iterable<TailEvent>, epoch: string, firstId: number): void {
    const live = this.#channels.get(channel);
    // Before it is ready others may come that are not told; nobody waits, and the store is read once it is.
    if (!live?.isReady) return;
    for (const event of events) live.tail.push(event, epoch);
    live.tail.drop(firstId);
    live.waiters.wakeAll();
  }

  /** Events of a group are due: those who wait for one of it look again. */
  wake(group: GroupScope): void {
    const live = this.#channels.get(group.channel);
    if (live === undefined) return;
    live.releases++;
    live.waiters.wakeAll(group);
  }

  /** Events of a channel may have been missed: those who wait on it read the store again. */
  reset(channel: string): void {
    this.#channels.get(channel)?.reset();
  }

  /** The oldest events of a channel were dropped; `firstId` is the oldest kept, above the last if none is. */
  drop(channel: string, firstId: number): void {
    const live = this.#channels.get(channel);
    // If there is a gap what lies in it is not known.
    if (live && !live.tail.drop(firstId)) live.reset();
  }

  /** The channels that somebody waits on, or is answered from memory on. */
  *watched(): Iterable<LiveChannel> {
    for (const live of this.#channels.values()) {
      if (live.waiters.size > 0 || live.tail.holdsEvents) yield live;
    }
  }

  /** Wakes everybody; the polls end. */
  close(): void {
    this.#closed = true;
    for (const live of this.#channels.values()) {
      live.waiters.wakeAll();
      this.#forget(live);
    }
  }

  #forget(live: LiveChannel): void {
    if (this.#channels.get(live.name) !== live) return;
    this.#channels.delete(live.name);
    this.#subscriptions?.unsubscribe(live.name);
    if (this.#channels.size > 0) return;
    clearInterval(this.#ageing);
    this.#ageing = undefined;
  }

  /** Without it every channel that was ever busy would hold a full tail for as long as it is polled. */
  #age(): void {
    for (const live of this.#channels.values()) {
      if (live.unused) {
        this.#forget(live);
        continue;
      }
      live.unused = live.users === 0;
      live.tail.age();
    }
  }
}
