import type { Event } from '@ganomede/events-protocol';
import { Epochs } from './epochs.js';
import { headerOf } from './event-text.js';

/** Where a channel begins and ends, as of a read. */
export interface ChannelBounds {
  /** Id of the oldest event kept; 0 if there is none. */
  readonly firstId: number;
  /** Newest id given; 0 if there is none. The read saw every event up to it. */
  readonly lastId: number;
  /** Undefined: they are not known. */
  readonly epochs?: Epochs | undefined;
  /** How often events were redacted: what was read before another redaction may hold what is to be forgotten. Undefined: not known. */
  readonly redactions?: number | undefined;
}

/** Of a channel that nothing was ever appended to. */
export const NO_BOUNDS: ChannelBounds = { firstId: 0, lastId: 0, epochs: Epochs.NONE, redactions: 0 };

/** As engines count: if a channel keeps nothing, its first id is one above its last. */
export function boundsOf(firstId: number, lastId: number, epochs: Epochs, redactions: number): ChannelBounds {
  return { firstId: firstId > lastId ? 0 : firstId, lastId, epochs, redactions };
}

/** A read ends early once its events hold about this many bytes of JSON. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;

const OPEN = 0x5b;
const COMMA = 0x2c;
const CLOSE = 0x5d;
const EMPTY = Buffer.from('[]');

/**
 * Memory for the JSON text of a page. Those of some size share slabs: with memory of its own for each, a page near the tail takes
 * 6 % more of the processor (garbage collection). A page keeps its slab, so whoever holds on to pages should do so briefly.
 */
class Slabs {
  static readonly #BYTES = 256 * 1024;
  #slab = Buffer.alloc(0);
  #used = 0;

  allocate(size: number): Buffer {
    // Small ones come from the slabs of Node.js.
    if (size < Buffer.poolSize / 2 || size > Slabs.#BYTES / 4) return Buffer.allocUnsafe(size);
    if (this.#used + size > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Slabs.#BYTES);
      this.#used = 0;
    }
    this.#used += size;
    return this.#slab.subarray(this.#used - size, this.#used);
  }
}

const slabs = new Slabs();

/**
 * As many of the events that were found as a page holds: `limit`, and about `MAX_PAGE_BYTES`, but one at least. They are put into
 * `texts`, where those that came before an error are as well.
 */
export function textsOfPage(found: Iterable<Buffer>, limit: number, texts: Buffer[] = []): Buffer[] {
  let bytes = 0;
  for (const text of found) {
    texts.push(text);
    bytes += text.length;
    if (texts.length >= limit || bytes >= MAX_PAGE_BYTES) break;
  }
  return texts;
}

/** The events found by a read, still serialised. */
export class EventPage implements ChannelBounds {
  /** The JSON text of each event, in UTF-8. Shared between readers: not to be written to. */
  readonly texts: readonly Buffer[];
  readonly firstId: number;
  readonly lastId: number;
  readonly epochs: Epochs | undefined;
  readonly redactions: number | undefined;
  /**
   * Where the read began if its cursor had seen events that the store no longer has, since it came back older: behind the
   * last one that it still has. Undefined: nothing was lost.
   */
  readonly rewoundTo: number | undefined;
  #epoch: string | undefined;
  #json: Buffer | undefined;
  #events: readonly Event[] | undefined;

  constructor(texts: readonly Buffer[], bounds: ChannelBounds, rewoundTo?: number) {
    this.texts = texts;
    this.firstId = bounds.firstId;
    this.lastId = bounds.lastId;
    this.epochs = bounds.epochs;
    this.redactions = bounds.redactions;
    this.rewoundTo = rewoundTo;
  }

  /**
   * The epoch of the last event, or of the end of the channel if there is none: what a cursor behind it is judged by. Empty if
   * nothing was ever appended, or it is not known.
   */
  get epoch(): string {
    this.#epoch ??= this.#epochOfEnd();
    return this.#epoch;
  }

  /** The same events, read by a cursor that was taken back to here, or was not. */
  withRewoundTo(rewoundTo: number | undefined): EventPage {
    return rewoundTo === this.rewoundTo ? this : new EventPage(this.texts, this, rewoundTo);
  }

  #epochOfEnd(): string {
    const last = this.texts.at(-1);
    const id = last === undefined ? this.lastId : headerOf(last).id;
    return id === 0 ? '' : (this.epochs?.of(id) ?? '');
  }

  /** Number of events. */
  get count(): number {
    return this.texts.length;
  }

  /** The same events in the opposite order. */
  reversed(): EventPage {
    return new EventPage(this.texts.toReversed(), this);
  }

  /** A JSON array of the events, ready to send; joined on first use, then shared by all who send it. */
  get json(): Buffer {
    this.#json ??= join(this.texts);
    return this.#json;
  }

  /** The events, parsed on first use. */
  get events(): readonly Event[] {
    this.#events ??= JSON.parse(this.json.toString()) as Event[];
    return this.#events;
  }
}

function join(texts: readonly Buffer[]): Buffer {
  if (texts.length === 0) return EMPTY;
  let size = texts.length + 1;
  for (const text of texts) size += text.length;
  const json = slabs.allocate(size);
  json[0] = OPEN;
  let end = 1;
  for (const text of texts) {
    json.set(text, end);
    end += text.length;
    json[end++] = COMMA;
  }
  json[end - 1] = CLOSE;
  return json;
}
