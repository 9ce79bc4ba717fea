import type { GroupEntry, GroupSnapshot } from '../transfer/transfer-storage.js';
import type { EntryRecord, GroupRecords, ValueRecord } from './group-records.js';
import { type GroupClock, NEW_ENTRY } from './group-step.js';
import type { GroupScope } from './group-storage.js';

/** `TransferStorage.readGroup` on the records of the group. */
export function snapshotOfGroup(
  records: GroupRecords,
  scope: GroupScope,
  clock: GroupClock,
): GroupSnapshot | undefined {
  const group = records.get('group', '');
  if (group === undefined) return undefined;
  const { settings, after, redelivered, missed, createdAt, deadLetters } = group;
  const heldBack = new Map<string, GroupEntry[]>();
  const others: GroupEntry[] = [];
  let dead = 0;
  for (const [id, entry] of records.entries()) {
    if (entry.state === 'dead') dead++;
    if (entry.state === 'held back') heldBack.set(entry.value, []);
    else others.push(entryOf(id, entry, clock));
  }
  for (const [value, entries] of heldBack) {
    let id = records.get('value', value)?.first;
    while (id !== undefined) {
      const entry = records.get('entry', id) as EntryRecord;
      entries.push(entryOf(id, entry, clock));
      id = entry.next;
    }
  }
  return {
    ...{ scope, settings, after, redelivered, missed, createdAt, forgotten: deadLetters - dead },
    entries: orderedEntries(others, heldBack),
  };
}

/** As `GroupSnapshot` has them. `heldBack`: by value, in the order of their turns. */
export function orderedEntries(
  others: readonly GroupEntry[],
  heldBack: ReadonlyMap<string, readonly GroupEntry[]>,
): GroupEntry[] {
  const values = [...heldBack].sort(([a], [b]) => (a < b ? -1 : 1));
  return [...others.toSorted((a, b) => a.id - b.id), ...values.flatMap(([, entries]) => entries)];
}

function entryOf(id: number, entry: EntryRecord, { now, date }: GroupClock): GroupEntry {
  const { state, time, value, count, clientId, firstDeliveredAt, endedAt, reason, deliveries, deadLetterId } =
    entry;
  const told = {
    ...{ id, dueAt: 0, value, count, clientId, firstDeliveredAt, endedAt, reason, deliveries, deadLetterId },
  };
  switch (state) {
    case 'leased':
      return { ...told, state: 'delayed', count: count - 1 };
    case 'delayed':
      return { ...told, state, dueAt: time > now ? date + Math.ceil(time - now) : 0 };
    case 'dead':
      return { ...told, state, endedAt: time };
    default:
      return { ...told, state };
  }
}

/** `TransferStorage.importGroup` on the records of the group, which are empty if there is none. Whether there was none. */
export function restoreGroup(
  records: GroupRecords,
  { settings, after, redelivered, missed, createdAt, forgotten, entries }: GroupSnapshot,
  { now, date }: GroupClock,
): boolean {
  if (records.get('group', '')) return false;
  const counts = { pending: 0, heldBack: 0, deadLetters: forgotten };
  for (const { id, state, dueAt, ...entry } of entries) {
    if (state === 'dead') {
      const { value, endedAt: time, deadLetterId } = entry;
      records.set('entry', id, { ...NEW_ENTRY, state, value, time, deadLetterId });
      records.enter('dead', { time, id });
      counts.deadLetters++;
      continue;
    }
    const { value, firstDeliveredAt } = entry;
    const waiting = value === '' ? undefined : records.get('value', value);
    if (state === 'held back') {
      hold(records, id, { ...NEW_ENTRY, ...entry, state }, waiting ?? {});
      counts.heldBack++;
      continue;
    }
    const time = now + (dueAt === 0 ? 0 : Math.max(dueAt - date, 0));
    records.set('entry', id, { ...NEW_ENTRY, ...entry, state, time });
    records.enter(state === 'dying' ? 'dying' : 'due', { time, id });
    if (firstDeliveredAt > 0) records.enter('out', { time: firstDeliveredAt, id });
    if (value !== '') records.set('value', value, waiting ?? {});
    counts.pending++;
  }
  records.set('group', '', { settings, after, redelivered, missed, createdAt, ...counts });
  return true;
}

/** Behind the others of its value. */
function hold(
  records: GroupRecords,
  id: number,
  entry: EntryRecord,
  { first = id, last }: ValueRecord,
): void {
  const before = last === undefined ? undefined : records.get('entry', last);
  if (last !== undefined && before) records.set('entry', last, { ...before, next: id });
  records.set('value', entry.value, { first, last: id });
  records.set('entry', id, entry);
}
