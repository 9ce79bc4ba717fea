import { type Bounds, isRewound } from './channel-bounds.js';
import { RequestError } from './errors.js';
import type { EventPage } from './event-page.js';

/** The `after` with which a client goes on that is ahead of its store: right before what it got now, else behind the newest id. */
export function rewoundTo({ events }: EventPage, { lastId }: Bounds): number {
  const first = events[0];
  return first === undefined ? lastId : Math.min(lastId, first.id - 1);
}

/** Finds out, from the bounds that a channel's reads tell, what was lost in between. Says each loss once. */
export class LossDetector {
  /**
   * Every id up to this one is accounted for, though the cursor may be far below it: a channel of one type (`users/v1:add`)
   * has gaps, and nothing in them is missed.
   */
  #accounted = 0;

  /** What the read behind `after` shows to be lost to this client. */
  lossOf(after: number | undefined, { events, bounds }: EventPage): RequestError | undefined {
    if (bounds === undefined) return undefined;
    const { firstId, lastId } = bounds;
    if (isRewound(after, bounds)) {
      this.#accounted = lastId;
      return lost('StoreRewound', bounds, after ?? 0, [
        `The store has lost events: its newest id is ${lastId}, and this client had read up to ${after}.`,
        `What comes next is received; what was stored under lower ids meanwhile is not`,
      ]);
    }
    const upTo = Math.max(after ?? 0, this.#accounted);
    // Events that are older than the oldest one kept were read before it became that.
    const isBehind = after !== undefined && firstId > upTo + 1;
    const isMissed = isBehind && (events[0] === undefined || events[0].id >= firstId);
    this.#accounted = Math.max(this.#accounted, firstId - 1, events.length === 0 ? lastId : 0);
    if (!isMissed) return undefined;
    return lost('EventsMissed', bounds, after, [
      `Events were missed: ${upTo + 1} to ${firstId - 1} are no longer kept,`,
      `and this client had read up to ${upTo}`,
    ]);
  }
}

function lost(code: string, bounds: Bounds, after: number, message: readonly string[]): RequestError {
  return new RequestError(message.join(' '), {
    code,
    statusCode: 200,
    maybeProcessed: true,
    position: { ...bounds, after },
  });
}
