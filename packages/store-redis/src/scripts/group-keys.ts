import type { GroupScope } from '@ganomede/events-store';
import type { Keys } from '../keys.js';

/** What scripts that change a group take as keys. */
export function groupKeys(keys: Keys, scope: GroupScope): string[] {
  const { group, entries, due, dying, dead, since, queues, workers } = keys.group(scope);
  return [keys.of(scope.channel).channel, group, entries, due, dying, dead, since, queues, workers];
}
