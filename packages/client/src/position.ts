import type { IncomingHttpHeaders } from 'node:http';
import type { FIRST_ID_HEADER, LAST_ID_HEADER } from '@ganomede/events-protocol';
import { RequestError } from './errors.js';
import type { Page } from './page.js';

// Node.js gives the names of headers in lower case.
const FIRST_ID: Lowercase<typeof FIRST_ID_HEADER> = 'events-first-id';
const LAST_ID: Lowercase<typeof LAST_ID_HEADER> = 'events-last-id';

/** Where a channel began and ended when it was read: ids, 0 where there is none. */
export interface Position {
  /** The oldest event kept. */
  readonly firstId: number;
  /** The newest id given. The read saw every event up to it. */
  readonly lastId: number;
}

export function positionOf(headers: IncomingHttpHeaders): Position | undefined {
  const firstId = idOf(headers[FIRST_ID]);
  const lastId = idOf(headers[LAST_ID]);
  return firstId === undefined || lastId === undefined ? undefined : { firstId, lastId };
}

function idOf(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string' || !/^\d+$/.test(value)) return undefined;
  const id = Number(value);
  return Number.isSafeInteger(id) ? id : undefined;
}

/** Whether the store has given fewer ids than this client has seen: it came back empty, or older than it was. */
export function isRewound(after: number | undefined, position: Position | undefined): position is Position {
  return after !== undefined && position !== undefined && position.lastId < after;
}

/** Where a client goes on that is ahead of its store: right before what it got now, else behind the newest id. */
export function rewoundTo({ events }: Page, { lastId }: Position): number {
  const first = events[0];
  return first === undefined ? lastId : Math.min(lastId, first.id - 1);
}

/** Finds out, from the positions of a channel's reads, what was lost in between. Says each loss once. */
export class PositionWatch {
  /**
   * Every id up to this one is accounted for, though the cursor may be far below it: a channel of one type (`users/v1:add`)
   * has gaps, and nothing in them is missed.
   */
  #accounted = 0;

  /** What the read behind `after` shows to be lost to this client. */
  lossOf(after: number | undefined, { events, position }: Page): RequestError | undefined {
    if (position === undefined) return undefined;
    const { firstId, lastId } = position;
    if (isRewound(after, position)) {
      this.#accounted = lastId;
      return lost('StoreRewound', position, after ?? 0, [
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
    return lost('EventsMissed', position, after, [
      `Events were missed: ${upTo + 1} to ${firstId - 1} are no longer kept,`,
      `and this client had read up to ${upTo}`,
    ]);
  }
}

function lost(code: string, position: Position, after: number, message: readonly string[]): RequestError {
  return new RequestError(message.join(' '), {
    code,
    statusCode: 200,
    maybeProcessed: true,
    position: { ...position, after },
  });
}
