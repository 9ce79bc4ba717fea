import type { EventStore, GroupDescription } from '@ganomede/events-store';
import type { Registry } from 'prom-client';
import { MAX_SHOWN, type StateMetric, showStates } from './shown-channels.js';

type Store = Pick<EventStore, 'groups'>;

const METRICS: readonly StateMetric<GroupDescription>[] = [
  ['events_group_lag', 'Events that a group has not handed out yet, see METRICS_CONSUMERS', ({ lag }) => lag],
  [
    'events_group_pending',
    'Events of a group that are out: leased, or waiting for their next delivery',
    ({ pending }) => pending,
  ],
  [
    'events_group_oldest_pending_seconds',
    'Since when the oldest event that is out was first handed out; 0 if none is',
    ({ oldestPendingMs = 0 }) => oldestPendingMs / 1000,
  ],
  [
    'events_group_redeliveries_total',
    'Deliveries of a group that were not the first of their event, since it began',
    ({ redelivered }) => redelivered,
  ],
  [
    'events_group_dead_letters',
    'Dead letters of a group that were not handed out again',
    ({ deadLetters }) => deadLetters,
  ],
  [
    'events_group_missed_total',
    'Events that were dropped or redacted before they were delivered, since the group began',
    ({ missed }) => missed,
  ],
  [
    'events_group_full',
    '1 while maxPending keeps events of a group from being handed out, else 0',
    ({ isFull }) => Number(isFull),
  ],
];

/** Shows how the groups of some channels are. */
export function showGroups(store: Store, channels: () => Promise<string[]>, registry: Registry): void {
  const read = async () => groupsOf(store, await channels());
  const labelsOf = ({ channel, group }: GroupDescription) => ({ channel, group });
  showStates(registry, read, labelsOf, ['channel', 'group'], METRICS);
}

async function groupsOf(store: Store, channels: readonly string[]): Promise<GroupDescription[]> {
  const states: GroupDescription[] = [];
  for (const name of channels) {
    states.push(...(await store.groups(name)));
    if (states.length >= MAX_SHOWN) return states.slice(0, MAX_SHOWN);
  }
  return states;
}
