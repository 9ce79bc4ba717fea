import { EventsError } from '@ganomede/events-protocol';
import type { StoreHooks } from '../options.js';
import type { LiveChannel, LiveChannels } from './live-channels.js';
import { Waiter } from './waiter.js';

/** How long one who waits for a store that is away waits before it looks again, milliseconds. */
const RETRY_MS = 1_000;

/** Where somebody waits. */
export interface WaitingRoom {
  readonly live: LiveChannels;
  readonly hooks: StoreHooks;
}

/**
 * One request that may wait on a channel: it registers, looks, waits until something may have changed, and looks
 * again. What happens between the look and the wait is noticed, since it has registered before. A subclass says what it
 * looks for and what it does with it. Once it has begun to wait it waits on while the store is away.
 *
 * While it waits this object is all there is of it: an async function that waits holds three times as much.
 */
export abstract class LookAndWait<Found> extends Waiter {
  /** The longest wait, milliseconds; 0 does not wait. */
  readonly timeoutMs: number;
  #room: WaitingRoom | undefined;
  #channel: LiveChannel | undefined;
  #deadline = 0;
  #stopped = false;
  #looked = false;

  constructor(timeoutMs: number) {
    super();
    this.timeoutMs = timeoutMs;
  }

  /**
   * Ends the wait, which then has found nothing: at once if it waits, else as soon as the look that is running, or the
   * subscription of its channel, has come to an end. Does nothing if it has ended.
   */
  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /** What was found; `nothing()` if the time is over, it was stopped, or the store closes. Must not throw: it is called in the midst of what others wait for. */
  abstract found(found: Found): void;

  /** The store failed before it could wait. Must not throw. */
  abstract failed(error: unknown): void;

  /** Looks at what is in memory; undefined if there is nothing, or memory cannot tell. */
  protected abstract peek(channel: LiveChannel): Found | undefined;

  /** Looks; undefined if there is nothing. Rejects if the store is away. */
  protected abstract look(channel: LiveChannel): Promise<Found | undefined>;

  /** Whether another look may find what the last one could not. */
  protected abstract isOutdated(channel: LiveChannel): boolean;

  protected abstract nothing(): Found;

  /** In how many milliseconds a look may find something that nothing wakes it for. */
  protected lookAgainInMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** To be called once, by the store. */
  protected begin(room: WaitingRoom, name: string): void {
    this.#room = room;
    const channel = room.live.use(name);
    this.#channel = channel;
    this.#deadline = performance.now() + this.timeoutMs;
    const kept = this.peek(channel);
    if (kept !== undefined) {
      this.#end(room, channel, kept);
      return;
    }
    if (channel.isReady) void this.#lookAndWait(room, channel);
    else void this.#lookBeforeReady(room, channel);
  }

  protected override onWake(): void {
    const [room, channel] = [this.#room as WaitingRoom, this.#channel as LiveChannel];
    // What has woken it is in memory, in most cases.
    const found = this.#hasEnded(room) ? this.nothing() : this.peek(channel);
    if (found !== undefined) this.#end(room, channel, found);
    else void this.#lookAndWait(room, channel);
  }

  #hasEnded(room: WaitingRoom): boolean {
    return room.live.closed || this.#stopped;
  }

  /** What is there already need not wait until nothing can be missed any more. */
  async #lookBeforeReady(room: WaitingRoom, channel: LiveChannel): Promise<void> {
    let found: Found | undefined;
    try {
      found = await this.look(channel);
      if (found === undefined) await channel.ready;
    } catch (error) {
      this.#fail(room, channel, error);
      return;
    }
    if (found === undefined) await this.#lookAndWait(room, channel);
    else this.#end(room, channel, found);
  }

  /** Until something is found or there is nothing to do but wait. */
  async #lookAndWait(room: WaitingRoom, channel: LiveChannel): Promise<void> {
    let found: Found | undefined;
    try {
      // The storage of a closed store is not asked any more.
      while (!room.live.closed) {
        const { resets } = channel;
        let isStoreAway = false;
        try {
          found = await this.look(channel);
          if (found !== undefined) break;
          this.#looked = true;
        } catch (error) {
          if (!this.#looked || !isAway(error)) throw error;
          isStoreAway = true;
        }
        if (room.hooks.beforeWait) await room.hooks.beforeWait(channel.name);
        const remainingMs = this.#deadline - performance.now();
        if (this.#hasEnded(room) || remainingMs <= 0) break;
        // A look that a reset has overtaken may have missed what came while nothing was notified. A store that is away
        // fails without a pause: looking again at once would keep everything else from running.
        if (channel.resets !== resets || (!isStoreAway && this.isOutdated(channel))) continue;
        const lookAgainInMs = isStoreAway ? RETRY_MS : this.lookAgainInMs();
        this.wait(channel.waiters, Math.min(remainingMs, lookAgainInMs));
        return;
      }
    } catch (error) {
      this.#fail(room, channel, error);
      return;
    }
    this.#end(room, channel, found ?? this.nothing());
  }

  #end({ live }: WaitingRoom, channel: LiveChannel, found: Found): void {
    live.release(channel);
    this.found(found);
  }

  #fail(room: WaitingRoom, channel: LiveChannel, error: unknown): void {
    if (room.live.closed) {
      // Under a look that was running.
      this.#end(room, channel, this.nothing());
      return;
    }
    room.live.release(channel);
    this.failed(error);
  }
}

function isAway(error: unknown): boolean {
  return error instanceof EventsError && error.code === 'ServiceUnavailable';
}
