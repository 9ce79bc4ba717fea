import type { Event } from '@ganomede/events-protocol';
import type { Expected } from './http.js';
import { isRewound, type Position, positionOf } from './position.js';

/** What a read brought; without a position where the server does not tell it. */
export interface Page {
  /** Ascending by id; all behind the cursor, unless the store was rewound. */
  readonly events: readonly Event[];
  readonly position?: Position | undefined;
}

/** A page as the protocol has it: each id above the one before, all above `after`, where the store has come so far. */
export function pageAfter(after: number | undefined): Expected<Page> {
  return {
    what: `events with ascending ids${after === undefined ? '' : ` above ${after}`}`,
    read: (json, headers) => {
      const position = positionOf(headers);
      const behind = isRewound(after, position) ? 0 : (after ?? 0);
      return areEvents(json, behind) ? { events: json, position } : undefined;
    },
  };
}

/** Whether these are events, each id above the one before and all above `after`. */
export function areEvents(json: unknown, after = 0): json is Event[] {
  if (!Array.isArray(json)) return false;
  let last = after;
  for (const event of json) {
    const id = typeof event === 'object' && event !== null ? event.id : undefined;
    if (!Number.isSafeInteger(id) || id <= last) return false;
    last = id;
  }
  return true;
}

/** Whether these are events, in whatever order. */
export function areRows(json: unknown): json is Event[] {
  return Array.isArray(json) && json.every((event) => areEvents([event]));
}
