import { type GroupScope, MAX_HELD_BACK } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import { groupId } from './group-id.js';
import { groupKeys } from './group-keys.js';
import type { Script } from './script.js';

export interface RedriveEventsArgs {
  readonly keys: Keys;
  readonly scope: GroupScope;
  /** Undefined: the oldest. */
  readonly ids: readonly number[] | undefined;
  readonly limit: number;
}

type Reply = readonly ['no-group'] | readonly ['redriven', ids: readonly string[]];

/** The ids of those that are due or held back again, ascending; undefined if there is no such group. Notifies if others may have waited for it. */
export const redriveEvents: Script<RedriveEventsArgs, readonly number[] | undefined> = {
  name: 'redrive-events',
  numberOfKeys: 9,
  encode: ({ keys, scope, ids, limit }) => ({
    keys: groupKeys(keys, scope),
    args: [
      JSON.stringify({
        ids: ids && [...new Set(ids)].map(groupId).sort(),
        limit,
        most_held: MAX_HELD_BACK,
      }),
    ],
  }),
  decode: (reply: Reply) => (reply[0] === 'no-group' ? undefined : reply[1].map(Number)),
};
