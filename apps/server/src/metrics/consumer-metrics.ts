import type { ConsumerState, EventStore } from '@ganomede/events-store';
import { Gauge, type Registry } from 'prom-client';

/** Most channels, and most consumers, that are shown: each consumer is a time series of its own. */
const MAX_SHOWN = 1_000;
/** ClientIds that are asked for at once. */
const PAGE = 250;

type Store = Pick<EventStore, 'channels' | 'consumers'>;

/**
 * Shows how far behind the consumers of some channels are, as of each collection. `channels`: names, or what names begin with and
 * a `*`, separated by commas. While the store is away nothing is shown.
 */
export function showConsumers(store: Store, channels: string, registry: Registry): void {
  const patterns = channels.split(',').map((each) => each.trim());
  let reading: Promise<ConsumerState[]> | undefined;
  /** Both metrics are collected at once, from one reading. */
  const read = () => {
    reading ??= consumersOf(store, patterns)
      .catch(() => [])
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
  const gauge = (name: string, help: string, figure: (state: ConsumerState) => number | undefined) => {
    const metric: Gauge<'channel' | 'client_id'> = new Gauge({
      name,
      help,
      labelNames: ['channel', 'client_id'] as const,
      registers: [registry],
      // Every worker shows the same.
      aggregator: 'max',
      collect: async () => {
        const states = await read();
        metric.reset();
        for (const state of states) {
          const value = figure(state);
          if (value !== undefined) metric.set({ channel: state.channel, client_id: state.clientId }, value);
        }
      },
    });
  };
  gauge('events_consumer_lag', 'Events ahead of a consumer, see METRICS_CONSUMERS', ({ lag }) => lag);
  gauge(
    'events_consumer_behind_seconds',
    'Age of the oldest event ahead of a consumer; 0 if there is none',
    ({ behindMs }) => behindMs && behindMs / 1000,
  );
}

async function consumersOf(store: Store, patterns: readonly string[]): Promise<ConsumerState[]> {
  const names = new Set<string>();
  for (const pattern of patterns) {
    if (!pattern.endsWith('*')) {
      names.add(pattern);
      continue;
    }
    const found = await store.channels({ prefix: pattern.slice(0, -1), limit: MAX_SHOWN });
    for (const { channel } of found) names.add(channel);
  }
  const states: ConsumerState[] = [];
  for (const name of [...names].slice(0, MAX_SHOWN)) {
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
