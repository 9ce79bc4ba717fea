import type { EventStore } from '@ganomede/events-store';
import { StatsD } from 'hot-shots';
import type { Registry } from 'prom-client';
import { measureStore } from './metrics/measured-store.js';
import { Metrics } from './metrics/metrics.js';
import type { Config } from './process/config.js';
import type { Lifecycle } from './routes/health.js';

/** What all routes of one server share. */
export interface Services {
  /** Every call of it is measured. */
  readonly store: EventStore;
  readonly metrics: Metrics;
  /** What `/metrics` tells. */
  readonly figures: Pick<Registry, 'metrics' | 'contentType'>;
  readonly statsd: StatsD | undefined;
  readonly lifecycle: Lifecycle;
}

export type StatsDSettings = Partial<Pick<Config, 'statsdHost' | 'statsdPort' | 'statsdPrefix'>>;

export function createServices(store: EventStore, settings: StatsDSettings): Services {
  const metrics = new Metrics(store);
  return {
    store: measureStore(store, metrics),
    metrics,
    figures: metrics.registry,
    statsd: openStatsD(settings),
    lifecycle: { stopping: false },
  };
}

/** StatsD where all three of its settings are there, as in the original. */
function openStatsD({
  statsdHost: host,
  statsdPort: port,
  statsdPrefix: prefix,
}: StatsDSettings): StatsD | undefined {
  if (host === undefined || port === undefined || prefix === undefined) return undefined;
  // What StatsD does not take is not worth more than silence: it comes by UDP.
  return new StatsD({ host, port, prefix, errorHandler: () => undefined });
}
