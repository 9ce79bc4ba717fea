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
  /** A JSON array of events in UTF-8, ready to send. Shared between readers: not to be written to. */
  readonly json: Buffer;
  /** Number of events. */
  readonly count: number;
  readonly firstId: number;
  readonly lastId: number;
  #events: readonly Event[] | undefined;

  constructor(json: Buffer, count: number, position: ChannelPosition) {
    this.json = json;
    this.count = count;
    this.firstId = position.firstId;
    this.lastId = position.lastId;
  }

  /** A batch from the JSON texts of single events. */
  static join(texts: readonly Buffer[], position: ChannelPosition): EventBatch {
    if (texts.length === 0) return new EventBatch(EMPTY, 0, position);
    const parts: Buffer[] = [];
    for (const text of texts) parts.push(COMMA, text);
    parts[0] = OPEN;
    parts.push(CLOSE);
    return new EventBatch(Buffer.concat(parts), texts.length, position);
  }

  /** The events, parsed on first use. */
  get events(): readonly Event[] {
    this.#events ??= JSON.parse(this.json.toString()) as Event[];
    return this.#events;
  }
}
