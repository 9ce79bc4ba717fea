import type { BuriedEvent, GroupScope } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import { groupId } from './group-id.js';
import { groupKeys } from './group-keys.js';
import type { Script } from './script.js';

export interface BuryEventsArgs {
  readonly keys: Keys;
  readonly scope: GroupScope;
  readonly buried: readonly BuriedEvent[];
}

/** Notifies if there were any. */
export const buryEvents: Script<BuryEventsArgs, void> = {
  name: 'bury-events',
  numberOfKeys: 8,
  encode: ({ keys, scope, buried }) => ({
    keys: groupKeys(keys, scope),
    args: [
      JSON.stringify({
        ids: buried.map(({ id }) => groupId(id)),
        dead_letters: buried.map(({ deadLetterId = 0 }) => String(deadLetterId)),
      }),
    ],
  }),
  decode: () => {},
};
