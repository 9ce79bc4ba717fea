import {
  BURIAL_MS,
  type FoundEvents,
  type GroupScope,
  type GroupSettings,
  type GroupWork,
  type GroupWorked,
  LEASE_ENDED,
  MAX_DYING,
  MAX_ENDED,
  MAX_HELD_BACK,
  MAX_KEPT_DELIVERIES,
  MAX_KEPT_REASON,
  type Settlement,
} from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import { parseHistory } from './ended-deliveries.js';
import { groupId } from './group-id.js';
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
      after: string,
      dueInMs: number,
      isFull: 0 | 1,
      isFoundCurrent: 0 | 1,
      settled: readonly (0 | 1)[],
      /** Of each take its lease, then id, count and dead letter of each event. */
      taken: readonly (readonly [leaseMs: number, ...(string | number)[]])[],
      dying: readonly DyingReply[],
    ];

type DyingReply = readonly [
  id: string,
  deadLetterId: string,
  count: number,
  reason: string,
  firstDeliveredAt: string,
  endedAt: string,
  clientId: string,
  history: string,
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
        settle: encodeSettlements(settle),
        found: found && encodeFound(found),
        counts_dropped: scope.type === undefined,
        takes: takes.map(({ clientId, limit, leaseMs = NONE, token }) => [clientId, limit, leaseMs, token]),
        most_held: MAX_HELD_BACK,
        most_ended: MAX_ENDED,
        most_dying: MAX_DYING,
        burial_ms: BURIAL_MS,
        lease_ended: LEASE_ENDED,
        most_kept: MAX_KEPT_DELIVERIES,
        most_reason: MAX_KEPT_REASON,
      }),
    ],
  }),

  decode(reply: Reply) {
    if (reply[0] === 'no-group') return undefined;
    const [, settings, after, dueInMs, isFull, isFoundCurrent, settled, taken, dying] = reply;
    return {
      settings: JSON.parse(settings) as GroupSettings,
      settled: settled.map((held) => held === 1),
      taken: taken.map(decodeTaken),
      isFoundCurrent: isFoundCurrent === 1,
      dying: dying.map(decodeDying),
      after: Number(after),
      dueInMs: dueInMs === NONE ? undefined : dueInMs,
      isFull: isFull === 1,
    };
  },
};

function encodeSettlements(settlements: readonly Settlement[]) {
  const isPlain = settlements.every(({ kind }) => kind === 'acknowledge' || kind === 'missed');
  return {
    kinds: settlements.map(({ kind }) => kind),
    ids: settlements.map(({ id }) => groupId(id)),
    tokens: settlements.map(({ token }) => token),
    ...(!isPlain && {
      ms: settlements.map(durationOf),
      reasons: settlements.map((settlement) => ('reason' in settlement && settlement.reason) || ''),
      uncounted: settlements.map(
        (settlement) => settlement.kind === 'release' && settlement.uncounted === true,
      ),
    }),
  };
}

function durationOf(settlement: Settlement): number {
  if (settlement.kind === 'release') return settlement.delayMs ?? NONE;
  return (settlement.kind === 'extend' ? settlement.leaseMs : undefined) ?? NONE;
}

function encodeFound({ from, to, firstId, epoch, order, events }: FoundEvents) {
  return {
    from: groupId(from),
    to: groupId(to),
    first: firstId,
    epoch,
    order,
    ids: events.map(({ id }) => groupId(id)),
    values: events.some(({ value }) => value !== '') ? events.map(({ value }) => value) : undefined,
  };
}

function decodeTaken([leaseMs, ...events]: readonly [
  leaseMs: number,
  ...(string | number)[],
]): GroupWorked['taken'][number] {
  const taken = [];
  for (let i = 0; i < events.length; i += 3) {
    const deadLetterId = Number(events[i + 2]) || undefined;
    taken.push({ id: Number(events[i]), count: Number(events[i + 1]), leaseMs, deadLetterId });
  }
  return taken.sort((a, b) => a.id - b.id);
}

function decodeDying(reply: DyingReply): GroupWorked['dying'][number] {
  const [id, deadLetterId, count, reason, firstDeliveredAt, endedAt, clientId, history] = reply;
  return {
    id: Number(id),
    deadLetterId: Number(deadLetterId) || undefined,
    count,
    reason,
    firstDeliveredAt: Number(firstDeliveredAt),
    endedAt: Number(endedAt),
    clientId,
    deliveries: parseHistory(history),
  };
}
