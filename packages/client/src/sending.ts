import { randomUUID } from 'node:crypto';
import { type EventHeader, parseChannel } from '@ganomede/events-protocol';
import type { Append } from './api.js';
import type { RequestError } from './errors.js';

/** A `send` or `sendBatch` that waits for its answer. */
export class Sending {
  readonly channel: string;
  readonly lane: string;
  readonly count: number;
  readonly startedAt = performance.now();
  /** The caller's, or one of its own if it has a condition or once it is sent by itself. Undefined: it may share an append with others. */
  key: string | undefined;
  attempts = 0;
  /** Whether any attempt may have been carried out. */
  maybeProcessed = false;
  isSettled = false;
  readonly #append: Append;
  readonly #resolve: (headers: EventHeader[]) => void;
  readonly #reject: (error: RequestError) => void;

  constructor(
    append: Append,
    resolve: (headers: EventHeader[]) => void,
    reject: (error: RequestError) => void,
  ) {
    this.channel = append.channel;
    // What is sent to `orders` and to `orders:paid` is stored in one channel.
    this.lane = parseChannel(append.channel, true).channel;
    this.count = append.count;
    // A condition is about the channel as it is when its turn comes: it shares its append with nobody.
    this.key = append.key ?? (append.expectedLastId === undefined ? undefined : randomUUID());
    this.#append = append;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get sendings(): readonly Sending[] {
    return [this];
  }

  /** The JSON texts of its events. */
  get text(): string {
    return this.#append.text;
  }

  /** Of that. */
  get length(): number {
    return this.#append.text.length;
  }

  /** Under the same key every time. */
  get append(): Append {
    this.key ??= randomUUID();
    return { ...this.#append, key: this.key };
  }

  /** Does nothing if its time was over before. */
  stored(headers: EventHeader[]): void {
    this.isSettled = true;
    this.#resolve(headers);
  }

  /** Does nothing if its time was over before. */
  failed(error: RequestError): void {
    this.isSettled = true;
    this.#reject(error);
  }
}

/** Several sends to one channel as one append: stored all or none, under one key. */
export class SharedAppend {
  readonly sendings: readonly Sending[];
  readonly append: Append;
  readonly lane: string;
  readonly count: number;
  readonly length: number;
  #maybeProcessed = false;

  constructor(sendings: readonly Sending[]) {
    const { channel, lane } = sendings[0] as Sending;
    let count = 0;
    for (const sending of sendings) count += sending.count;
    const text = sendings.map((sending) => sending.text).join(',');
    this.sendings = sendings;
    this.append = { channel, key: randomUUID(), expectedLastId: undefined, count, isBatch: true, text };
    this.lane = lane;
    this.count = count;
    this.length = text.length;
  }

  /** A group is made of sends that are certainly not stored. */
  get maybeProcessed(): boolean {
    return this.#maybeProcessed;
  }

  set maybeProcessed(maybeProcessed: boolean) {
    this.#maybeProcessed = maybeProcessed;
    for (const sending of this.sendings) sending.maybeProcessed = maybeProcessed;
  }

  stored(headers: readonly EventHeader[]): void {
    let from = 0;
    for (const sending of this.sendings) {
      sending.stored(headers.slice(from, from + sending.count));
      from += sending.count;
    }
  }
}

/**
 * What a request is made of: sends that have no key yet share an append if they are all that the request has for their channel
 * behind what is sent again. So nothing stands behind an append of several that could be stored if it is refused.
 */
export function arranged(taken: readonly (Sending | SharedAppend)[]): (Sending | SharedAppend)[] {
  const keyless = new Map<string, Sending[]>();
  const mixed = new Set<string>();
  for (const queued of taken) {
    const { lane } = queued;
    const others = keyless.get(lane);
    if (queued instanceof SharedAppend || queued.key !== undefined) {
      if (others) mixed.add(lane);
    } else if (others === undefined) keyless.set(lane, [queued]);
    else {
      if (others[0]?.channel !== queued.channel) mixed.add(lane);
      others.push(queued);
    }
  }
  const all: (Sending | SharedAppend)[] = [];
  for (const queued of taken) {
    const isFree = queued instanceof Sending && queued.key === undefined && !mixed.has(queued.lane);
    const others = isFree ? keyless.get(queued.lane) : undefined;
    if (others === undefined || others.length === 1) all.push(queued);
    else if (others[0] === queued) all.push(new SharedAppend(others));
  }
  return all;
}
