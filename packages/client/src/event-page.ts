import type { Event } from '@ganomede/events-protocol';
import type { Bounds } from './channel-bounds.js';

/** What a read brought; without bounds if the server does not tell them. */
export interface EventPage {
  /** Ascending by id; all behind the cursor, unless the store was rewound. */
  readonly events: readonly Event[];
  readonly bounds?: Bounds | undefined;
}
