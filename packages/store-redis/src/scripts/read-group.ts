import {
  type GroupEntry,
  type GroupScope,
  type GroupSettings,
  type GroupSnapshot,
  orderedEntries,
} from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import { parseHistory } from './ended-deliveries.js';
import { groupKeys } from './group-keys.js';
import type { Script } from './script.js';

export interface ReadGroupArgs {
  readonly keys: Keys;
  readonly scope: GroupScope;
}

type Pairs = readonly Buffer[];
type Reply = readonly [group: Pairs, due: Pairs, since: Pairs, queues: Pairs, now: Buffer];

/** What is at an event's field of the group, see group-book.lua. */
interface StoredEntry {
  readonly entry: GroupEntry;
  /** The id of the next one that waits for its value, 0 for none. */
  readonly next: number;
}

/** Undefined if there is no such group. */
export const readGroup: Script<ReadGroupArgs, GroupSnapshot | undefined> = {
  name: 'read-group',
  numberOfKeys: 8,
  repliesBuffers: true,
  encode: ({ keys, scope }) => ({ keys: groupKeys(keys, scope), args: [] }),

  decode(reply: Reply, { scope }) {
    const [fields, due, since, queues, now] = reply;
    const group = pairsOf(fields);
    const settings = group.get('settings');
    if (settings === undefined) return undefined;
    const numberOf = (field: string) => Number(group.get(field) ?? 0);
    const [dueAt, firstDeliveredAt] = [pairsOf(due), pairsOf(since)];
    const stored = new Map<number, StoredEntry>();
    for (const [field, value] of group) {
      if (!/^\d+$/.test(field)) continue;
      const times = {
        dueAt: Number(dueAt.get(field) ?? 0),
        firstDeliveredAt: Number(firstDeliveredAt.get(field) ?? 0),
      };
      stored.set(Number(field), parseEntry(Number(field), value, times, Number(now)));
    }
    const others = [...stored.values()]
      .map(({ entry }) => entry)
      .filter(({ state }) => state !== 'held back');
    return {
      scope,
      settings: JSON.parse(settings.toString()) as GroupSettings,
      after: numberOf('after'),
      redelivered: numberOf('redelivered'),
      missed: numberOf('missed'),
      createdAt: numberOf('created'),
      forgotten: numberOf('forgotten'),
      entries: orderedEntries(others, heldBackOf(pairsOf(queues), stored)),
    };
  },
};

function pairsOf(pairs: Pairs): Map<string, Buffer> {
  const all = new Map<string, Buffer>();
  for (let i = 0; i + 1 < pairs.length; i += 2) all.set(String(pairs[i]), pairs[i + 1] as Buffer);
  return all;
}

/** By value, in the order of their turns. */
function heldBackOf(
  queues: ReadonlyMap<string, Buffer>,
  stored: ReadonlyMap<number, StoredEntry>,
): Map<string, GroupEntry[]> {
  const heldBack = new Map<string, GroupEntry[]>();
  for (const [value, queue] of queues) {
    const entries: GroupEntry[] = [];
    let id = Number.parseInt(queue.toString(), 10);
    for (let found = stored.get(id); found; found = stored.get(id)) {
      entries.push(found.entry);
      id = found.next;
    }
    if (entries.length > 0) heldBack.set(value, entries);
  }
  return heldBack;
}

const STATES = { L: 'delayed', W: 'delayed', X: 'dying', H: 'held back', D: 'dead' } as const;

function parseEntry(
  id: number,
  text: Buffer,
  { dueAt, firstDeliveredAt }: Pick<GroupEntry, 'dueAt' | 'firstDeliveredAt'>,
  now: number,
): StoredEntry {
  // The lengths are in bytes.
  const bytes = text.toString('latin1');
  const [head = '', letter, count, next, deadLetter, ended, token, client, value] =
    /^(\S) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) /.exec(bytes) ?? [];
  const state = letter as keyof typeof STATES;
  let from = head.length;
  const take = (length: number) => {
    from += length;
    return text.toString('utf8', from - length, from);
  };
  const inPlaceOfToken = take(Number(token));
  const clientId = take(Number(client));
  const ownValue = take(Number(value));
  const last = take(text.length - from);
  const isOver = state === 'X' || state === 'D';
  const history = isOver ? inPlaceOfToken : last;
  const entry: GroupEntry = {
    id,
    state: STATES[state],
    dueAt: state === 'W' && dueAt > now ? dueAt : 0,
    // The delivery of a lease is taken back.
    count: state === 'D' ? 0 : Number(count) - (state === 'L' ? 1 : 0),
    clientId,
    value: ownValue,
    firstDeliveredAt,
    endedAt: isOver ? Number(ended) : 0,
    reason: isOver ? last : '',
    deliveries: state === 'D' || history === '' ? undefined : parseHistory(history),
    deadLetterId: Number(deadLetter) || undefined,
  };
  return { entry, next: Number(next) };
}
