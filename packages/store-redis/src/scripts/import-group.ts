import type { GroupEntry, GroupSnapshot } from '@ganomede/events-store';
import { groupName, type Keys } from '../keys.js';
import { historyOf } from './ended-deliveries.js';
import { groupId } from './group-id.js';
import { groupKeys } from './group-keys.js';
import type { Script } from './script.js';

export interface ImportGroupArgs {
  readonly keys: Keys;
  readonly group: GroupSnapshot;
}

const NONE = '0';

/** False if there is such a group. */
export const importGroup: Script<ImportGroupArgs, boolean> = {
  name: 'import-group',
  numberOfKeys: 9,

  encode({ keys, group }) {
    const { scope, entries } = group;
    const { queues, nextOf } = queuesOf(entries);
    const scored = (timeOf: (entry: GroupEntry) => number | undefined) =>
      entries.flatMap((entry) => {
        const time = timeOf(entry);
        return time === undefined ? [] : [String(time), groupId(entry.id)];
      });
    const spec = {
      name: groupName(scope),
      group: [...fieldsOf(group), ...entries.flatMap((entry) => [groupId(entry.id), textOf(entry, nextOf)])],
      due: scored(({ state, dueAt }) => (state === 'delayed' ? dueAt : undefined)),
      dying: scored(({ state }) => (state === 'dying' ? 0 : undefined)),
      dead: scored(({ state, endedAt }) => (state === 'dead' ? endedAt : undefined)),
      since: scored(({ state, firstDeliveredAt }) =>
        state !== 'dead' && firstDeliveredAt > 0 ? firstDeliveredAt : undefined,
      ),
      queues: [...queues].flatMap(([value, [first, last]]) => [value, `${first} ${last}`]),
    };
    return {
      keys: [...groupKeys(keys, scope), keys.groups(scope.channel)],
      args: [JSON.stringify(spec)],
    };
  },

  decode: (reply: number) => reply === 1,
};

function fieldsOf({ settings, after, createdAt, redelivered, missed, forgotten }: GroupSnapshot): string[] {
  const fields = {
    settings: JSON.stringify(settings),
    after: groupId(after),
    created: String(createdAt),
    redelivered: String(redelivered),
    missed: String(missed),
    forgotten: String(forgotten),
  };
  return Object.entries(fields).flat();
}

/** By value the first and the last of those that wait for it; and of each of them the next one. */
function queuesOf(entries: readonly GroupEntry[]): {
  queues: ReadonlyMap<string, readonly [first: string, last: string]>;
  nextOf: ReadonlyMap<number, string>;
} {
  const queues = new Map<string, readonly [first: string, last: string]>();
  const nextOf = new Map<number, string>();
  for (const { id, state, value } of entries) {
    if (value === '' || state === 'dead') continue;
    const [first, last] = queues.get(value) ?? [NONE, NONE];
    if (state !== 'held back') queues.set(value, [first, last]);
    else {
      if (last !== NONE) nextOf.set(Number(last), groupId(id));
      queues.set(value, [first === NONE ? groupId(id) : first, groupId(id)]);
    }
  }
  return { queues, nextOf };
}

const LETTERS = { delayed: 'W', dying: 'X', 'held back': 'H', dead: 'D' } as const;

/** See group-book.lua. */
function textOf(entry: GroupEntry, nextOf: ReadonlyMap<number, string>): string {
  const { id, state, count, clientId, value, reason, endedAt, deliveries = [], deadLetterId } = entry;
  const history = historyOf(deliveries);
  const [token, last] = state === 'dying' ? [history, reason] : ['', history];
  const lengths = [token, clientId, value].map((each) => Buffer.byteLength(each));
  const head = [LETTERS[state], count, nextOf.get(id) ?? NONE, deadLetterId ?? NONE, endedAt, ...lengths];
  return `${head.join(' ')} ${token}${clientId}${value}${last}`;
}
