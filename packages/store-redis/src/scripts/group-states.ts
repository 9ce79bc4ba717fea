import type { GroupScope, GroupSettings, GroupState } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import { groupKeys } from './group-keys.js';
import type { Script } from './script.js';

export interface GroupStatesArgs {
  readonly keys: Keys;
  /** All of one channel. */
  readonly scopes: readonly GroupScope[];
}

type StateReply = readonly [
  settings: string,
  after: string,
  createdAt: string,
  redelivered: string,
  missed: string,
  pending: number,
  heldBack: number,
  deadLetters: number,
  oldestPendingAt: string | null,
  workers: readonly string[],
];

/** Of each group, undefined if there is no such group. */
export const groupStates: Script<GroupStatesArgs, (Omit<GroupState, 'isFull'> | undefined)[]> = {
  name: 'group-states',
  encode: ({ keys, scopes }) => ({ keys: scopes.flatMap((scope) => groupKeys(keys, scope)), args: [] }),
  decode: (reply: readonly (StateReply | null)[], { scopes }) =>
    reply.map((state, i) => (state === null ? undefined : decodeState(scopes[i] as GroupScope, state))),
};

function decodeState(scope: GroupScope, state: StateReply): Omit<GroupState, 'isFull'> {
  const [settings, after, createdAt, redelivered, missed, pending, heldBack, deadLetters, oldest, workers] =
    state;
  return {
    scope,
    settings: JSON.parse(settings) as GroupSettings,
    after: Number(after),
    pending,
    heldBack,
    redelivered: Number(redelivered),
    deadLetters,
    missed: Number(missed),
    oldestPendingAt: oldest === null ? undefined : Number(oldest),
    workers: decodeWorkers(workers),
    createdAt: Number(createdAt),
  };
}

function decodeWorkers(reply: readonly string[]): GroupState['workers'] {
  const workers = [];
  for (let i = 0; i + 1 < reply.length; i += 2) {
    workers.push({ clientId: reply[i] as string, pending: Number(reply[i + 1]) });
  }
  return workers;
}
