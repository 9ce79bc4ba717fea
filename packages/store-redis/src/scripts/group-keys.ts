import type { GroupScope } from '@ganomede/events-store';
import type { Keys } from '../keys.js';

/** What scripts that change a group take as keys. */
export function groupKeys(keys: Keys, scope: GroupScope): string[] {
  const { group, due, dying, dead, since, queues, workers } = keys.group(scope);
  return [keys.of(scope.channel).channel, group, due, dying, dead, since, queues, workers];
}
