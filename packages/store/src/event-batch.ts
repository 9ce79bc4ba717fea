import type { Event } from '@ganomede/events-protocol';

/** Where a channel begins and ends, as of a read. */
export interface ChannelPosition {
  /** Id of the oldest event kept; 0 where there is none. */
  readonly firstId: number;
  /** Newest id given; 0 where there is none. The read saw every event up to it. */
  readonly lastId: number;
}

/** A read ends early once its events hold this many bytes of JSON. */
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;

const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');
const EMPTY = Buffer.from('[]');

/** The events found by a read, still serialised. */
export class EventBatch implements ChannelPosition {
  /** The JSON text of each event, in UTF-8. Shared between readers: not to be written to. */
  readonly texts: readonly Buffer[];
  readonly firstId: number;
  readonly lastId: number;
  #json: Buffer | undefined;
  #events: readonly Event[] | undefined;

  constructor(texts: readonly Buffer[], position: ChannelPosition) {
    this.texts = texts;
    this.firstId = position.firstId;
    this.lastId = position.lastId;
  }

  /** Number of events. */
  get count(): number {
    return this.texts.length;
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
  const parts: Buffer[] = [];
  for (const text of texts) parts.push(COMMA, text);
  parts[0] = OPEN;
  parts.push(CLOSE);
  return Buffer.concat(parts);
}
