import { ChannelHistory } from './channel-history.js';
import { checkAppends } from './check-appends.js';
import { checkLooks } from './check-looks.js';
import { checkReader } from './check-reader.js';
import type { Entry } from './entry.js';
import type { Violation } from './violation.js';

/**
 * Whether one log for each channel, which loses its end only where the history says that it may, explains everything that
 * was noted. Linear in the length of the history, but for sorting.
 *
 * @returns what it does not explain
 * @throws if the history does not tell what the store has of a channel in the end
 */
export function checkHistory(entries: readonly Entry[]): Violation[] {
  return [...groupedBy(entries, ({ channel }) => channel)].flatMap(([channel, ofChannel]) => {
    const history = new ChannelHistory(channel, ofChannel);
    checkAppends(history);
    const ofReaders = ofChannel.filter(
      (entry) => entry.kind === 'event' || entry.kind === 'report' || entry.kind === 'restart',
    );
    for (const [reader, got] of groupedBy(ofReaders, ({ reader }) => reader)) {
      checkReader(history, reader, got);
    }
    checkLooks(history);
    return history.violations;
  });
}

function groupedBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
