import type { EventStore, StoreCall } from '@ganomede/events-store';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { DurationHistogram, type Durations } from './duration-histogram.js';

/** What a server counts, for Prometheus. Names end in their unit. */
export class Metrics {
  readonly registry = new Registry();
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
  readonly #storeCalls = new DurationHistogram({
    name: 'events_store_call_duration_seconds',
    help: 'Round trips to the store, by call and outcome',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registry: this.registry,
  });
  readonly #latency = new DurationHistogram({
    name: 'events_http_request_duration_seconds',
    help: 'Time to answer a request; that of a poll includes its wait',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10, 30, 60],
    registry: this.registry,
  });
  /** By route, then method. */
  readonly #routes = new Map<string, Map<string, RouteMetrics>>();

  /** Counts the process too (memory, CPU, event-loop lag), and the polls that wait at the store. */
  constructor(store: EventStore) {
    collectDefaultMetrics({ register: this.registry });
    const waiting: Gauge = new Gauge({
      name: 'events_waiting_polls',
      help: 'Polls and event streams that wait for an event now',
      registers: [this.registry],
      collect: () => waiting.set(store.waiting),
    });
    const requests: Counter<RequestLabel> = new Counter({
      name: 'events_http_requests_total',
      help: 'Requests answered, by method, route and status',
      labelNames: ['method', 'route', 'status'] as const,
      registers: [this.registry],
      collect: () => this.#countRequests(requests),
    });
  }

  /** Times every call of the store that does not wait; until what is returned is called. */
  observe(store: EventStore): () => void {
    const durations = new Map<StoreCall, { readonly ok: Durations; readonly error: Durations }>();
    return store.observe((call, durationMs, error) => {
      let ofCall = durations.get(call);
      if (ofCall === undefined) {
        ofCall = {
          ok: this.#storeCalls.of({ call, outcome: 'ok' }),
          error: this.#storeCalls.of({ call, outcome: 'error' }),
        };
        durations.set(call, ofCall);
      }
      (error === undefined ? ofCall.ok : ofCall.error).observe(durationMs / 1000);
    });
  }

  /** Counts an answer. */
  answered(method: string, route: string, status: number, seconds: number): void {
    const methods = this.#routes.get(route) ?? new Map<string, RouteMetrics>();
    if (methods.size === 0) this.#routes.set(route, methods);
    let answers = methods.get(method);
    if (answers === undefined) {
      answers = { durations: this.#latency.of({ method, route }), uncounted: new Map() };
      methods.set(method, answers);
    }
    answers.durations.observe(seconds);
    answers.uncounted.set(status, (answers.uncounted.get(status) ?? 0) + 1);
  }

  #countRequests(requests: Counter<RequestLabel>): void {
    for (const [route, methods] of this.#routes) {
      for (const [method, { uncounted }] of methods) {
        for (const [status, count] of uncounted) requests.inc({ method, route, status }, count);
        uncounted.clear();
      }
    }
  }
}

type RequestLabel = 'method' | 'route' | 'status';

interface RouteMetrics {
  readonly durations: Durations;
  /** How many answers of each status have come since the last collection. */
  readonly uncounted: Map<number, number>;
}
