import type { EventStore } from '@ganomede/events-store';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What a server counts, for Prometheus. Names end in their unit. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests = new Counter({
    name: 'events_http_requests_total',
    help: 'Requests answered, by method, route and status',
    labelNames: ['method', 'route', 'status'] as const,
    registers: [this.registry],
  });
  readonly latency = new Histogram({
    name: 'events_http_request_duration_seconds',
    help: 'Time to answer a request; that of a poll includes its wait',
    labelNames: ['method', 'route'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10, 30, 60],
    registers: [this.registry],
  });
  readonly published = new Counter({
    name: 'events_published_total',
    help: 'Events stored by publishers',
    registers: [this.registry],
  });
  readonly delivered = new Counter({
    name: 'events_delivered_total',
    help: 'Events sent to consumers',
    registers: [this.registry],
  });
  readonly storeCalls = new Histogram({
    name: 'events_store_call_duration_seconds',
    help: 'Round trips to the store, by call and outcome',
    labelNames: ['call', 'outcome'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [this.registry],
  });

  /** Counts the process too (memory, CPU, event-loop lag), and the polls that wait at the store. */
  constructor(store: EventStore) {
    collectDefaultMetrics({ register: this.registry });
    const waiting: Gauge = new Gauge({
      name: 'events_waiting_polls',
      help: 'Polls and event streams that wait for an event now',
      registers: [this.registry],
      collect: () => waiting.set(store.waiting),
    });
  }

  /** Resolves or rejects as the call does, and counts its time. */
  async timed<T>(call: string, running: Promise<T>): Promise<T> {
    const stop = this.storeCalls.startTimer({ call });
    try {
      const result = await running;
      stop({ outcome: 'ok' });
      return result;
    } catch (error) {
      stop({ outcome: 'error' });
      throw error;
    }
  }
}

const MEASURED = new Set<PropertyKey>([
  'append',
  'read',
  'latest',
  'loadCursor',
  'saveCursor',
  'createIndex',
  'indices',
  'readIndex',
  'ping',
] satisfies (keyof EventStore)[]);

/** The same store, with every call but the waiting ones timed. */
export function measureStore(store: EventStore, metrics: Metrics): EventStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (!MEASURED.has(name)) return value.bind(target);
      return (...args: unknown[]) =>
        metrics.timed(String(name), value.apply(target, args) as Promise<unknown>);
    },
  });
}
