import type { GroupScope, GroupSettings } from '@ganomede/events-store';
import { groupName, type Keys } from '../keys.js';
import { groupId } from './group-id.js';
import type { Script } from './script.js';

export interface SaveGroupArgs {
  readonly keys: Keys;
  readonly scope: GroupScope;
  readonly settings: GroupSettings;
  /** What a new one begins behind. */
  readonly after: number;
  /** Whether the settings of one that there is are to be changed. */
  readonly changes: boolean;
}

export interface SavedGroup {
  readonly isNew: boolean;
  readonly settings: GroupSettings;
}

/** Notifies if settings have changed. */
export const saveGroup: Script<SaveGroupArgs, SavedGroup> = {
  name: 'save-group',
  numberOfKeys: 3,

  encode: ({ keys, scope, settings, after, changes }) => ({
    keys: [keys.of(scope.channel).channel, keys.group(scope).group, keys.groups(scope.channel)],
    args: [
      JSON.stringify({
        name: groupName(scope),
        settings: JSON.stringify(settings),
        after: groupId(after),
        changes,
      }),
    ],
  }),

  decode: ([outcome, settings]: readonly ['created' | 'known', settings: string]) => ({
    isNew: outcome === 'created',
    settings: JSON.parse(settings) as GroupSettings,
  }),
};
