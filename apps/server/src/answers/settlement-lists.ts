import { EventsError, MAX_SETTLEMENTS } from '@ganomede/events-protocol';
import { Settlement, type SettleReply } from '@ganomede/events-protocol/schemas';
import type { WorkerSettlement } from '@ganomede/events-store';
import { checkOf } from '../plugins/validation.js';
import { errorBody } from './errors.js';

type Kind = keyof typeof Settlement;

const KINDS = Object.keys(Settlement) as Kind[];
const checks = new Map(KINDS.map((kind) => [kind, checkOf(Settlement[kind])]));

/** The settlements of a request, of each kind in a list; what is none of its kind is refused by itself. */
export class SettlementLists {
  /** Those that are not refused, in the order of the request. */
  readonly settlements: readonly WorkerSettlement[];
  /** For each list, of each entry the id, or why it is refused. */
  readonly #entries: readonly (readonly [Kind, readonly (number | EventsError)[]])[];

  /** @throws EventsError `PayloadTooLarge` */
  constructor(lists: { readonly [K in Kind]?: readonly unknown[] }) {
    const settlements: WorkerSettlement[] = [];
    let count = 0;
    this.#entries = KINDS.flatMap((kind) => {
      const list = lists[kind];
      if (list === undefined) return [];
      count += list.length;
      checkCount(count);
      return [[kind, list.map((entry) => admitted(kind, entry, settlements))]] as const;
    });
    this.settlements = settlements;
  }

  /** What became of each; `held`: of those that are not refused. */
  reply(held: readonly boolean[]): SettleReply {
    let next = 0;
    const told = (entry: number | EventsError) => {
      if (typeof entry !== 'number') return { error: errorBody(entry) };
      const status = held[next] ? ('done' as const) : ('stale' as const);
      next += 1;
      return { id: entry, status };
    };
    return Object.fromEntries(this.#entries.map(([kind, entries]) => [kind, entries.map(told)]));
  }
}

/** @throws EventsError `PayloadTooLarge` */
function checkCount(count: number): void {
  if (count <= MAX_SETTLEMENTS) return;
  throw new EventsError(
    'PayloadTooLarge',
    `Invalid settlements: expected at most ${MAX_SETTLEMENTS} in all, got ${count}`,
  );
}

/** Its id, or why it is refused. */
function admitted(kind: Kind, entry: unknown, settlements: WorkerSettlement[]): number | EventsError {
  const invalid = checks.get(kind)?.(entry);
  if (invalid) return invalid;
  const settlement = settlementOf(kind, entry as Settlement);
  settlements.push(settlement);
  return settlement.id;
}

/** What the store takes: other fields are ignored. */
function settlementOf(kind: Kind, entry: Settlement): WorkerSettlement {
  const { id, token } = entry;
  const {
    delayMs,
    reason,
    uncounted = false,
    leaseMs,
  } = entry as Partial<Extract<Settlement, { kind: 'release' }> & Extract<Settlement, { kind: 'extend' }>>;
  switch (kind) {
    case 'acknowledge':
      return { kind, id, token };
    case 'release':
      return { kind, id, token, delayMs, reason, uncounted };
    case 'reject':
      return { kind, id, token, reason: reason as string };
    case 'extend':
      return { kind, id, token, leaseMs };
  }
}
