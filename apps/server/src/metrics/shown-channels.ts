import type { EventStore } from '@ganomede/events-store';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Most channels, and most consumers or groups, that are shown: each is a time series of its own. */
export const MAX_SHOWN = 1_000;

/** The channel names of `METRICS_CONSUMERS`: names, or what names begin with and a `*`, separated by commas. */
export async function shownChannels(
  store: Pick<EventStore, 'channels'>,
  channels: string,
): Promise<string[]> {
  const names = new Set<string>();
  for (const pattern of channels.split(',').map((each) => each.trim())) {
    if (!pattern.endsWith('*')) {
      names.add(pattern);
      continue;
    }
    const found = await store.channels({ prefix: pattern.slice(0, -1), limit: MAX_SHOWN });
    for (const { channel } of found) names.add(channel);
  }
  return [...names].slice(0, MAX_SHOWN);
}

/** A read that who comes while it runs joins. */
export function joined<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
}

/** A metric of each of some states: its name (`_total`: it only grows), its help, and its figure; one that is undefined is not shown. */
export type StateMetric<State> = readonly [
  name: string,
  help: string,
  figure: (state: State) => number | undefined,
];

/**
 * Shows metrics of states that are read at each collection, once for all of the metrics. While the store is away nothing is
 * shown.
 */
export function showStates<State, Label extends string>(
  registry: Registry,
  read: () => Promise<State[]>,
  labelsOf: (state: State) => Record<Label, string>,
  labelNames: readonly Label[],
  metrics: readonly StateMetric<State>[],
): void {
  const readOnce = joined(() => read().catch(() => []));
  for (const [name, help, figure] of metrics) {
    const Kind = name.endsWith('_total') ? Counter<Label> : Gauge<Label>;
    const metric: Counter<Label> | Gauge<Label> = new Kind({
      ...{ name, help, labelNames },
      registers: [registry],
      // Every worker shows the same.
      aggregator: 'max',
      collect: async () => {
        const states = await readOnce();
        metric.reset();
        for (const state of states) {
          const value = figure(state);
          if (value !== undefined) metric.inc(labelsOf(state), value);
        }
      },
    });
  }
}
