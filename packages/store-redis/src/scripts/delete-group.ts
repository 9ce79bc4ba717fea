import type { GroupScope } from '@ganomede/events-store';
import { groupName, type Keys } from '../keys.js';
import { groupKeys } from './group-keys.js';
import type { Script } from './script.js';

export interface DeleteGroupArgs {
  readonly keys: Keys;
  readonly scope: GroupScope;
}

/** Whether there was one. Notifies if there was. */
export const deleteGroup: Script<DeleteGroupArgs, boolean> = {
  name: 'delete-group',
  numberOfKeys: 10,
  encode({ keys, scope }) {
    const [channel = '', ...ofGroup] = groupKeys(keys, scope);
    return {
      keys: [channel, keys.groups(scope.channel), ...ofGroup],
      args: [JSON.stringify({ name: groupName(scope) })],
    };
  },
  decode: (reply: 0 | 1) => reply === 1,
};
