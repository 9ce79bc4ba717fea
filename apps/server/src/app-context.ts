import type { EventStore } from '@ganomede/events-store';
import { StatsD } from 'hot-shots';
import type { Registry } from 'prom-client';
import { Metrics } from './metrics/metrics.js';
import type { Lifecycle } from './plugins/stopping.js';
import type { Config } from './process/config.js';

/** What the apps of one server share: the one that serves events, and the one of health and metrics alone. */
export interface AppContext {
  readonly store: EventStore;
  readonly metrics: Metrics;
  /** What `/metrics` shows: those of this process, or of all workers. */
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>;
  /** Undefined if it is not configured. */
  readonly statsd: StatsD | undefined;
  readonly lifecycle: Lifecycle;
}

type StatsDSettings = Partial<Pick<Config, 'statsdHost' | 'statsdPort' | 'statsdPrefix'>>;

export type MetricsSettings = StatsDSettings & Partial<Pick<Config, 'metricsConsumers'>>;

export function createAppContext(store: EventStore, settings: MetricsSettings): AppContext {
  const metrics = new Metrics(store, settings.metricsConsumers);
  return {
    store,
    metrics,
    registry: metrics.registry,
    statsd: openStatsD(settings),
    lifecycle: { stopping: false },
  };
}

/** StatsD, if all three of its settings are given, as in the original. */
function openStatsD({
  statsdHost: host,
  statsdPort: port,
  statsdPrefix: prefix,
}: StatsDSettings): StatsD | undefined {
  if (host === undefined || port === undefined || prefix === undefined) return undefined;
  // It is told by UDP: what it does not take is lost without a word.
  return new StatsD({ host, port, prefix, errorHandler: () => undefined });
}
