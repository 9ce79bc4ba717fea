import { type HashedBounds, parseBounds } from '../channel-bounds.js';
import type { Script } from './script.js';

export interface FindIdsArgs {
  /** The keys of the channel's hash, and of the list. */
  readonly channel: string;
  readonly list: string;
  /** What is looked for: above `after` ascending, or below `before` (undefined: from the newest) descending. */
  readonly range: { readonly after: number } | { readonly before: number | undefined };
  readonly limit: number;
}

/** Ids that were found, and what the channel keeps; undefined if there is no channel. */
export type FoundIds = (HashedBounds & { readonly ids: readonly number[] }) | undefined;

type Reply =
  | readonly ['no-channel']
  | readonly ['found', bounds: readonly (string | null)[], ids: readonly string[]];

export const findIds: Script<FindIdsArgs, FoundIds> = {
  name: 'find-ids',
  numberOfKeys: 2,

  encode: ({ channel, list, range, limit }) => ({
    keys: [channel, list],
    args: [JSON.stringify({ ...range, limit })],
  }),

  decode(reply: Reply) {
    if (reply[0] === 'no-channel') return undefined;
    const [, bounds, ids] = reply;
    const hashed = parseBounds(bounds);
    return hashed && { ...hashed, ids: ids.map(Number) };
  },
};
