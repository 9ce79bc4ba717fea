import {
  BURIAL_MS,
  type FoundEvents,
  type GroupScope,
  type GroupSettings,
  type GroupWork,
  type GroupWorked,
  MAX_HELD_BACK,
  type Settlement,
} from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import { groupKeys } from './group-keys.js';
import type { Script } from './script.js';

export interface WorkGroupArgs {
  readonly keys: Keys;
  readonly scope: GroupScope;
  readonly work: GroupWork;
}

type Reply =
  | readonly ['no-group']
  | readonly [
      'worked',
      settings: string,
      after: number,
      dueInMs: number,
      isFull: 0 | 1,
      settled: readonly (0 | 1)[],
      /** Of each take its lease, then id, count and dead letter of each event. */
      taken: readonly (readonly number[])[],
      dying: readonly DyingReply[],
    ];

type DyingReply = readonly [
  id: number,
  count: number,
  reason: string,
  firstDeliveredAt: number,
  endedAt: number,
  clientId: string,
];

/** Stands for a number that was not told. */
const NONE = -1;

/** Undefined if there is no such group. Notifies if others may have waited for it. */
export const workGroup: Script<WorkGroupArgs, GroupWorked | undefined> = {
  name: 'work-group',
  numberOfKeys: 8,

  encode: ({ keys, scope, work: { settle, found, takes } }) => ({
    keys: groupKeys(keys, scope),
    args: [
      JSON.stringify({
        settle: settle.map(encodeSettlement),
        found: found && encodeFound(found),
        counts_gaps: scope.type === undefined,
        takes: takes.map(({ clientId, limit, leaseMs = NONE, token }) => [clientId, limit, leaseMs, token]),
        burial_ms: BURIAL_MS,
        most_held: MAX_HELD_BACK,
      }),
    ],
  }),

  decode(reply: Reply) {
    if (reply[0] === 'no-group') return undefined;
    const [, settings, after, dueInMs, isFull, settled, taken, dying] = reply;
    return {
      settings: JSON.parse(settings) as GroupSettings,
      settled: settled.map((held) => held === 1),
      taken: taken.map(decodeTaken),
      dying: dying.map(decodeDying),
      after,
      dueInMs: dueInMs === NONE ? undefined : dueInMs,
      isFull: isFull === 1,
    };
  },
};

function encodeSettlement(settlement: Settlement) {
  const { kind, id, token } = settlement;
  switch (kind) {
    case 'release': {
      const { delayMs = NONE, reason = '', uncounted } = settlement;
      return [kind, id, token, delayMs, reason, uncounted];
    }
    case 'reject':
      return [kind, id, token, NONE, settlement.reason];
    case 'extend':
      return [kind, id, token, settlement.leaseMs ?? NONE];
    default:
      return [kind, id, token];
  }
}

function encodeFound({ from, to, epoch, events }: FoundEvents) {
  return {
    from,
    to,
    epoch,
    ids: events.map(({ id }) => id),
    values: events.some(({ value }) => value !== '') ? events.map(({ value }) => value) : undefined,
  };
}

function decodeTaken([leaseMs = 0, ...events]: readonly number[]): GroupWorked['taken'][number] {
  const taken = [];
  for (let i = 0; i + 2 < events.length; i += 3) {
    const [id, count, deadLetterId] = events.slice(i, i + 3) as [number, number, number];
    taken.push({ id, count, leaseMs, deadLetterId: deadLetterId || undefined });
  }
  return taken.sort((a, b) => a.id - b.id);
}

function decodeDying(reply: DyingReply): GroupWorked['dying'][number] {
  const [id, count, reason, firstDeliveredAt, endedAt, clientId] = reply;
  return { id, count, reason: reason || 'its lease ended', firstDeliveredAt, endedAt, clientId };
}
