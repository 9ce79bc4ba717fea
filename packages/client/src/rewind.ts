import type { IncomingHttpHeaders } from 'node:http';
import { REWOUND_HEADER } from '@ganomede/events-protocol';
import type { Bounds } from './channel-bounds.js';

const REWOUND = REWOUND_HEADER.toLowerCase();

/** A store came back older, and no longer has all that its consumer had seen. */
export interface Rewind {
  /** Id of the last event that it had seen. */
  readonly from: number;
  /** The last of those that the store still has; reading goes on behind it. */
  readonly to: number;
}

/** What a reply says about a rewind. */
export function rewindOf(headers: IncomingHttpHeaders): Rewind | undefined {
  const value = headers[REWOUND];
  const [, from, to] = (typeof value === 'string' && /^(\d{1,16}); (\d{1,16})$/.exec(value)) || [];
  return from === undefined ? undefined : { from: Number(from), to: Number(to) };
}

/**
 * A server that tells no rewinds has given fewer ids than this client has seen. It goes on right before what it got now, else
 * behind the newest id.
 */
export function rewindByBounds(
  after: number | undefined,
  bounds: Bounds | undefined,
  firstId: number | undefined,
): Rewind | undefined {
  if (after === undefined || bounds === undefined || bounds.lastId >= after) return undefined;
  const { lastId } = bounds;
  return { from: after, to: firstId === undefined ? lastId : Math.min(lastId, firstId - 1) };
}
