import { type BuriedEvent, type GroupScope, MAX_HELD_BACK } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import { groupId } from './group-id.js';
import { groupKeys } from './group-keys.js';
import type { Script } from './script.js';

export interface BuryEventsArgs {
  readonly keys: Keys;
  readonly scope: GroupScope;
  readonly buried: readonly BuriedEvent[];
}

/** Notifies if others may have waited for it. */
export const buryEvents: Script<BuryEventsArgs, void> = {
  name: 'bury-events',
  numberOfKeys: 9,
  encode: ({ keys, scope, buried }) => ({
    keys: groupKeys(keys, scope),
    args: [
      JSON.stringify({
        ids: buried.map(({ id }) => groupId(id)),
        most_held: MAX_HELD_BACK,
        dead_letters: buried.map(({ deadLetterId = 0 }) => String(deadLetterId)),
      }),
    ],
  }),
  decode: () => {},
};
