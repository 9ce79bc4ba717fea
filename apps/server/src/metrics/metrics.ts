import { EventsError } from '@ganomede/events-protocol';
import { type EventStore, STORE_CALLS, type StoreCall } from '@ganomede/events-store';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import pkg from '../../package.json' with { type: 'json' };
import { showConsumers } from './consumer-metrics.js';
import { DurationHistogram, type Durations } from './duration-histogram.js';
import { showGroups } from './group-metrics.js';
import { joined, shownChannels } from './shown-channels.js';

/** What a server counts, for Prometheus. Names end in their unit. */
export class Metrics {
  readonly #own = new Registry();
  /** What this app counts, and what is known of the process. */
  readonly registry: Registry;
  readonly published = new Counter({
    name: 'events_published_total',
    help: 'Events stored by publishers',
    registers: [this.#own],
  });
  readonly delivered = new Counter({
    name: 'events_delivered_total',
    help: 'Events sent to consumers',
    registers: [this.#own],
  });
  readonly sharedCursors = new Counter({
    name: 'events_shared_cursors_total',
    help: 'Consumers of which several processes were seen to move one saved cursor',
    registers: [this.#own],
  });
  readonly #storeCalls = new DurationHistogram({
    name: 'events_store_call_duration_seconds',
    help: 'Calls of the store in this process, by call and outcome',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registry: this.#own,
  });
  readonly #latency = new DurationHistogram({
    name: 'events_http_request_duration_seconds',
    help: 'Time to answer a request; that of a poll includes its wait',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10, 30, 60],
    registry: this.#own,
  });
  /** By route, then method. */
  readonly #routes = new Map<string, Map<string, RouteMetrics>>();

  /** Counts the polls that wait at the store too, and shows the consumers and groups of some channels, see `shownChannels`. */
  constructor(store: EventStore, consumersOf?: string) {
    new Gauge({
      name: 'events_build_info',
      help: 'Always 1; its label is the version of the server',
      labelNames: ['version'] as const,
      registers: [this.#own],
      // Every worker is the same.
      aggregator: 'max',
    }).set({ version: pkg.version }, 1);
    const waiting: Gauge = new Gauge({
      name: 'events_waiting_polls',
      help: 'Polls and event streams that wait for an event now',
      registers: [this.#own],
      collect: () => waiting.set(store.waiting),
    });
    const requests: Counter<RequestLabel> = new Counter({
      name: 'events_http_requests_total',
      help: 'Requests answered, by method, route and status',
      labelNames: ['method', 'route', 'status'] as const,
      registers: [this.#own],
      collect: () => this.#countRequests(requests),
    });
    if (consumersOf !== undefined) {
      const channels = joined(() => shownChannels(store, consumersOf));
      showConsumers(store, channels, this.#own);
      showGroups(store, channels, this.#own);
    }
    this.registry = Registry.merge([metricsOfProcess(), this.#own]);
  }

  /** Times every call of the store that does not wait; until what is returned is called. */
  observe(store: EventStore): () => void {
    // All of them from the start, so that the first failure of a call is seen as an increase.
    const durations = new Map<StoreCall, Record<Outcome, Durations>>();
    for (const call of STORE_CALLS) {
      const of = (outcome: Outcome) => this.#storeCalls.of({ call, outcome });
      durations.set(call, { ok: of('ok'), refused: of('refused'), error: of('error') });
    }
    return store.observe((call, durationMs, error) => {
      durations.get(call)?.[outcomeOf(error)].observe(durationMs / 1000);
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

/** Memory, CPU, event-loop lag: once for all apps of a process, since what measures them is never let go of. */
function metricsOfProcess(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
    for (const name of MISNAMED) ofProcess.removeSingleMetric(name);
  }
  return ofProcess;
}
let ofProcess: Registry | undefined;

/** Gauges of prom-client that are called totals, as counters are, and those of handles and requests, which `nodejs_active_resources` holds too. */
const MISNAMED = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** `refused`: the store is well, the call is not (a key that was used for something else, say). */
type Outcome = 'ok' | 'refused' | 'error';

function outcomeOf(error: unknown): Outcome {
  if (error === undefined) return 'ok';
  return error instanceof EventsError && error.status < 500 ? 'refused' : 'error';
}

type RequestLabel = 'method' | 'route' | 'status';

interface RouteMetrics {
  readonly durations: Durations;
  /** How many answers of each status have come since the last collection. */
  readonly uncounted: Map<number, number>;
}
