import { setTimeout as sleep } from 'node:timers/promises';
import { type OriginalEvent, parseOriginalEvent } from './original-event.js';
import type { OriginalRedis } from './original-redis.js';
import { reliable, Settling } from './settling.js';
import type { MigrationProblem } from './survey.js';

/** How often it is looked whether a gap was filled, milliseconds. */
const LOOK_EVERY_MS = 50;

export interface ChannelReaderOptions {
  readonly original: OriginalRedis;
  readonly name: string;
  readonly typedChannels: boolean;
  /** See `Settling`. */
  readonly settleMs: number;
  readonly onProblem: (problem: MigrationProblem) => void;
  readonly signal: AbortSignal | undefined;
}

/** Reads a channel of an original from its first event on, in the order of its ids, while events may still be added. */
export class ChannelReader {
  readonly name: string;
  readonly settling: Settling;
  readonly #options: ChannelReaderOptions;
  #upTo = 0;
  #read = 0;

  constructor(options: ChannelReaderOptions) {
    this.#options = options;
    this.name = options.name;
    this.settling = new Settling(options.settleMs);
  }

  /** Up to which id everything was read that there is, or will be. */
  get upTo(): number {
    return this.#upTo;
  }

  /** The next events; none if there are none that can be relied on yet, and `isEnd` then. */
  async next(): Promise<{ readonly events: readonly OriginalEvent[]; readonly isEnd: boolean }> {
    const { original, name, typedChannels, onProblem, signal } = this.#options;
    signal?.throwIfAborted();
    const settled = this.settling.upTo(performance.now());
    const { texts, isLast } = await original.events(name, this.#upTo);
    // What has no id that the original gives is left out.
    const ids = texts.flatMap(({ id, key }) => (key === `${name}:${id}` && Number.isInteger(id) ? [id] : []));
    const { upTo } = reliable(ids, this.#upTo, settled, isLast);
    const passed = texts.filter(({ id }) => id <= upTo);
    const events: OriginalEvent[] = [];
    for (const stored of passed) {
      const event = parseOriginalEvent(stored, name, typedChannels);
      if (typeof event !== 'string') events.push(event);
      else onProblem({ kind: 'damaged-event', subject: stored.key, message: `Left out: ${event}.` });
    }
    this.#upTo = upTo;
    this.#read += passed.length;
    return { events, isEnd: isLast || passed.length < texts.length };
  }

  /** The next events, until all up to an id were read, for which gaps are waited for until they are settled. */
  async *until(id: number): AsyncGenerator<readonly OriginalEvent[]> {
    while (this.#upTo < id) {
      const { events, isEnd } = await this.next();
      yield events;
      if (isEnd && this.#upTo < id) await sleep(LOOK_EVERY_MS);
    }
  }

  /** Whether no event has come to what was read already: one that came later than it may. */
  async isComplete(): Promise<boolean> {
    return (await this.#options.original.countUpTo(this.name, this.#upTo)) === this.#read;
  }
}
