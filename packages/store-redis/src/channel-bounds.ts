import { boundsOf, type ChannelBounds, Epochs } from '@ganomede/events-store';

/** The fields of a channel's hash that tell its bounds. */
export const BOUNDS_FIELDS = ['first', 'last', 'epoch', 'epochs'] as const;

/** What a channel's hash tells. */
export interface HashedBounds {
  /** Oldest id kept, above the newest if there is none. */
  readonly firstId: number;
  readonly bounds: ChannelBounds;
}

/** Of those fields, as Redis replies. Undefined if there is no channel. */
export function parseBounds([first, last, epoch, epochs]: readonly (string | null | undefined)[]):
  | HashedBounds
  | undefined {
  if (last == null) return undefined;
  const firstId = Number(first);
  return { firstId, bounds: boundsOf(firstId, Number(last), new Epochs(epoch ?? '', epochs ?? '')) };
}
