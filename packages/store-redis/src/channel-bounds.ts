import { boundsOf, type ChannelBounds, type ChannelEnd, Epochs } from '@ganomede/events-store';

/** The fields of a channel's hash that tell its bounds. */
export const BOUNDS_FIELDS = ['first', 'last', 'epoch', 'epochs', 'redactions'] as const;

/** What a channel's hash tells. */
export interface HashedBounds {
  /** Oldest id kept, above the newest if there is none. */
  readonly firstId: number;
  readonly bounds: ChannelBounds;
}

/** Of those fields, as Redis replies. Undefined if there is no channel. */
export function parseBounds([first, last, epoch, epochs, redactions]: readonly (string | null | undefined)[]):
  | HashedBounds
  | undefined {
  if (last == null) return undefined;
  const firstId = Number(first);
  const known = new Epochs(epoch ?? '', epochs ?? '');
  return { firstId, bounds: boundsOf(firstId, Number(last), known, Number(redactions ?? 0)) };
}

/** The fields that tell its end. The script channel-ends asks for them too. */
export const END_FIELDS = ['first', 'last', 'time', 'epoch', 'redactions', 'deleted'] as const;

/** Of those fields, as Redis replies. */
export function parseEnd([first, last, time, epoch, redactions, deleted]: readonly (
  | string
  | null
  | undefined
)[]): ChannelEnd {
  return {
    firstId: Number(first ?? 1),
    lastId: Number(last ?? 0),
    timestamp: Number(time ?? 0),
    epoch: epoch ?? '',
    redactions: Number(redactions ?? 0),
    isDeleted: deleted != null,
  };
}
