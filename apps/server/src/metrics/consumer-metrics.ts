import type { ConsumerState, EventStore } from '@ganomede/events-store';
import type { Registry } from 'prom-client';
import { MAX_SHOWN, type StateMetric, showStates } from './shown-channels.js';

/** ClientIds that are asked for at once. */
const PAGE = 250;

type Store = Pick<EventStore, 'consumers'>;

const METRICS: readonly StateMetric<ConsumerState>[] = [
  ['events_consumer_lag', 'Events ahead of a consumer, see METRICS_CONSUMERS', ({ lag }) => lag],
  [
    'events_consumer_behind_seconds',
    'Age of the oldest event ahead of a consumer; 0 if there is none',
    ({ behindMs }) => behindMs && behindMs / 1000,
  ],
];

/** Shows how far behind the consumers of some channels are. */
export function showConsumers(store: Store, channels: () => Promise<string[]>, registry: Registry): void {
  const read = async () => consumersOf(store, await channels());
  const labelsOf = ({ channel, clientId }: ConsumerState) => ({ channel, client_id: clientId });
  showStates(registry, read, labelsOf, ['channel', 'client_id'], METRICS);
}

async function consumersOf(store: Store, channels: readonly string[]): Promise<ConsumerState[]> {
  const states: ConsumerState[] = [];
  for (const name of channels) {
    let after = '';
    for (;;) {
      const page = await store.consumers(name, { after, limit: PAGE });
      states.push(...page);
      if (states.length >= MAX_SHOWN) return states.slice(0, MAX_SHOWN);
      const last = page.at(-1)?.clientId;
      if (last === undefined) break;
      after = last;
    }
  }
  return states;
}
