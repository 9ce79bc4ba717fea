import type { Event } from '@ganomede/events-protocol';

/** Where a channel begins and ends, as of a read. */
export interface ChannelBounds {
  /** Id of the oldest event kept; 0 where there is none. */
  readonly firstId: number;
  /** Newest id given; 0 where there is none. The read saw every event up to it. */
  readonly lastId: number;
}

/** A read ends early once its events hold about this many bytes of JSON. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;

const OPEN = 0x5b;
const COMMA = 0x2c;
const CLOSE = 0x5d;
const EMPTY = Buffer.from('[]');

/**
 * Memory of its own for each page of some size would cost more than to fill it: they share slabs. A page that is
 * kept keeps its slab, so what holds on to pages (a tail, a slow reader) should do so for a short time.
 */
const SLAB_BYTES = 256 * 1024;
let slab = Buffer.alloc(0);
let slabUsed = 0;

/** The events found by a read, still serialised. */
export class EventPage implements ChannelBounds {
  /** The JSON text of each event, in UTF-8. Shared between readers: not to be written to. */
  readonly texts: readonly Buffer[];
  readonly firstId: number;
  readonly lastId: number;
  #json: Buffer | undefined;
  #events: readonly Event[] | undefined;

  constructor(texts: readonly Buffer[], bounds: ChannelBounds) {
    this.texts = texts;
    this.firstId = bounds.firstId;
    this.lastId = bounds.lastId;
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
  const json = allocate(size);
  json[0] = OPEN;
  let place = 1;
  for (let i = 0; i < texts.length; ) {
    const run = runFrom(texts, i);
    json.set(run, place);
    const end = place + run.length;
    do {
      place += (texts[i++] as Buffer).length;
      json[place++] = COMMA;
    } while (place < end);
  }
  json[place - 1] = CLOSE;
  return json;
}

/** Texts from the `i`th on that lie in one piece of memory, a byte apart, as those of a live tail do: one copy takes them all. */
function runFrom(texts: readonly Buffer[], i: number): Uint8Array {
  const first = texts[i] as Buffer;
  const { buffer, byteOffset } = first;
  let end = byteOffset + first.length;
  for (let next = texts[++i]; next?.byteOffset === end + 1 && next.buffer === buffer; next = texts[++i]) {
    end += 1 + next.length;
  }
  return new Uint8Array(buffer, byteOffset, end - byteOffset);
}

function allocate(size: number): Buffer {
  // Small ones come from the slabs of Node.js.
  if (size < Buffer.poolSize / 2 || size > SLAB_BYTES / 4) return Buffer.allocUnsafe(size);
  if (slabUsed + size > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    slabUsed = 0;
  }
  slabUsed += size;
  return slab.subarray(slabUsed - size, slabUsed);
}
