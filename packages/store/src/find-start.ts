import type { Start } from '@ganomede/events-protocol';
import { headerOf } from './events/event-text.js';
import type { Storage } from './storage.js';

/** Where a start, or a time, is in a channel. */
export interface FoundStart {
  /** The id behind which it is. */
  readonly after: number;
  /** The epoch of the event with that id; undefined if there is none. */
  readonly epoch: string | undefined;
  /** Id of the oldest event kept; 0 if there is none. */
  readonly firstId: number;
  /** Newest id given; 0 if there is none. */
  readonly lastId: number;
}

/**
 * Where a consumer begins in a channel as it is now. A time is looked for by halves, an event each: if the clock was set back
 * under the channel (see `Timestamps`), it is one of the places at which the timestamps pass it.
 */
export async function findStart(
  storage: Pick<Storage, 'scan'>,
  channel: string,
  start: Start,
): Promise<FoundStart> {
  const newest = await storage.scan({ channel, type: undefined, before: undefined, limit: 1 });
  const { firstId, lastId, epochs } = newest;
  let after = start === 'first' ? 0 : lastId;
  if (typeof start === 'number' && firstId > 0) {
    const last = newest.texts[0];
    const isOver = last !== undefined && headerOf(last).timestamp < start;
    if (!isOver) after = await lastBefore(storage, channel, start, firstId - 1, lastId);
  }
  const epoch = after === 0 ? '' : epochs?.of(after);
  return { after, epoch: epoch || undefined, firstId, lastId };
}

/** Between two ids, the last one of an event with an earlier timestamp; `low` if there is none. */
async function lastBefore(
  storage: Pick<Storage, 'scan'>,
  channel: string,
  time: number,
  low: number,
  high: number,
): Promise<number> {
  let [before, to] = [low, high];
  while (before < to) {
    const middle = Math.ceil((before + to) / 2);
    const scan = { channel, type: undefined, after: middle - 1, limit: 1, skipsDamaged: true };
    const [text] = (await storage.scan(scan)).texts;
    // If it was dropped meanwhile this is the oldest one that is kept.
    const event = text && headerOf(text);
    if (event !== undefined && event.timestamp < time) before = event.id;
    else to = middle - 1;
  }
  return before;
}
