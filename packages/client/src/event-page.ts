import type { Bounds } from './channel-bounds.js';
import type { Rewind } from './rewind.js';
import type { Event } from './wire-types.js';

/** What a read brought; without bounds if the server does not tell them. */
export interface EventPage {
  /** Ascending by id; all behind the cursor, unless the store was rewound. */
  readonly events: readonly Event[];
  readonly bounds?: Bounds | undefined;
  /** Up to here the server has looked: what lies between the cursor and here is not of the channel name. */
  readonly lookedThrough?: number | undefined;
  /** To be sent with the cursor behind the last event; undefined if the server does not tell it. */
  readonly epoch?: string | undefined;
  /** Whether the server has noticed that other processes move the saved cursor too. */
  readonly isShared?: boolean | undefined;
  /** If the store no longer has all that the cursor had seen. */
  readonly rewind?: Rewind | undefined;
}
