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
export abstract class LookAndWait extends Waiter {
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

  /** Ends the wait: `over` is called, soon if not at once. Does nothing if it has ended. */
  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /** Looks at what is in memory. Whether it has found something, and told so. */
  protected abstract peek(channel: LiveChannel): boolean;

  /** Looks. Whether it has found something, and told so. Rejects if the store is away. */
  protected abstract look(channel: LiveChannel): Promise<boolean>;

  /** Whether another look may find what the last one could not. */
  protected abstract isOutdated(channel: LiveChannel): boolean;

  /** Nothing was found: the time is over, it was stopped, or the store closes. */
  protected abstract over(): void;

  /** The store failed before it could wait. Must not throw. */
  protected abstract failed(error: unknown): void;

  /** To be called once, by the store. */
  protected begin(room: WaitingRoom, name: string): void {
    this.#room = room;
    const channel = room.live.use(name);
    this.#channel = channel;
    this.#deadline = performance.now() + this.timeoutMs;
    if (this.peek(channel)) {
      room.live.release(channel);
      return;
    }
    channel.ready.then(
      () => this.#lookAndWait(room, channel),
      (error: unknown) => this.#fail(room, channel, error),
    );
  }

  protected override onWake(): void {
    const [room, channel] = [this.#room as WaitingRoom, this.#channel as LiveChannel];
    if (this.#hasEnded(room)) this.#over(room, channel);
    // What has woken it is in memory, in most cases.
    else if (this.peek(channel)) room.live.release(channel);
    else void this.#lookAndWait(room, channel);
  }

  #hasEnded(room: WaitingRoom): boolean {
    return room.live.closed || this.#stopped;
  }

  /** Until something is found or there is nothing to do but wait. */
  async #lookAndWait(room: WaitingRoom, channel: LiveChannel): Promise<void> {
    try {
      for (;;) {
        const { resets } = channel;
        let longestMs = Number.POSITIVE_INFINITY;
        try {
          if (await this.look(channel)) return room.live.release(channel);
          this.#looked = true;
        } catch (error) {
          if (!this.#looked || !isAway(error)) throw error;
          longestMs = RETRY_MS;
        }
        if (room.hooks.beforeWait) await room.hooks.beforeWait(channel.name);
        const remainingMs = this.#deadline - performance.now();
        if (this.#hasEnded(room) || remainingMs <= 0) return this.#over(room, channel);
        // A look that a reset has overtaken may have missed what came while nothing was notified.
        if (channel.resets !== resets || this.isOutdated(channel)) continue;
        return this.wait(channel.waiters, Math.min(remainingMs, longestMs));
      }
    } catch (error) {
      this.#fail(room, channel, error);
    }
  }

  #over({ live }: WaitingRoom, channel: LiveChannel): void {
    live.release(channel);
    this.over();
  }

  #fail(room: WaitingRoom, channel: LiveChannel, error: unknown): void {
    // Under a look that was running.
    if (room.live.closed) {
      this.#over(room, channel);
      return;
    }
    room.live.release(channel);
    this.failed(error);
  }
}

function isAway(error: unknown): boolean {
  return error instanceof EventsError && error.code === 'ServiceUnavailable';
}
