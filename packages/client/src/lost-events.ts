import { type ReportedPosition, RequestError } from './errors.js';
import type { EventPage } from './event-page.js';

/** Finds out, from the bounds that a channel's reads tell, what was lost in between. Says each loss once. */
export class LossDetector {
  /**
   * Every id up to this one is accounted for, though the cursor may be far below it: a channel of one type (`users/v1:add`)
   * has gaps, and nothing in them is missed.
   */
  #accounted = 0;

  /** What the read behind `after` shows to be lost to this client. */
  lossOf(
    after: number | undefined,
    { events, bounds, lookedThrough = 0, rewind }: EventPage,
  ): RequestError | undefined {
    if (rewind) {
      const { firstId, lastId } = bounds ?? { firstId: 0, lastId: 0 };
      this.#accounted = Math.max(rewind.to, firstId - 1);
      const position = { firstId, lastId, after: rewind.from, rewoundTo: rewind.to };
      return lost('StoreRewound', position, [
        `The store came back older: this client had read up to ${rewind.from}, of which the store has no more than up to ${rewind.to}.`,
        `Reading goes on behind ${rewind.to}`,
      ]);
    }
    if (bounds === undefined) return undefined;
    const { firstId, lastId } = bounds;
    const upTo = Math.max(after ?? 0, lookedThrough, this.#accounted);
    // Events that are older than the oldest one kept were read before it became that.
    const isBehind = after !== undefined && firstId > upTo + 1;
    const isMissed = isBehind && (events[0] === undefined || events[0].id >= firstId);
    this.#accounted = Math.max(this.#accounted, firstId - 1, events.length === 0 ? lastId : 0);
    if (!isMissed) return undefined;
    return lost('EventsMissed', { ...bounds, after }, [
      `Events were missed: ${upTo + 1} to ${firstId - 1} are no longer kept,`,
      `and this client had read up to ${upTo}`,
    ]);
  }
}

function lost(code: string, position: ReportedPosition, message: readonly string[]): RequestError {
  return new RequestError(message.join(' '), {
    code,
    statusCode: 200,
    maybeProcessed: true,
    position,
  });
}
