import { metadataProblem } from '@ganomede/events-protocol';
import type { Attributes, Context, Link, Span } from '@opentelemetry/api';
import { type OpenTelemetry, openTelemetry } from './open-telemetry.js';
import { withoutUndefined } from './publish-body.js';
import type { ServerAddress } from './server-address.js';

/** What the spans say of the messaging system: as the server calls itself. */
const SYSTEM = 'ganomede-events';
/** The entries of metadata that hold a trace (W3C Trace Context). */
const TRACE_FIELDS = ['traceparent', 'tracestate'];

/** An event that may have come with the trace in which it was sent. */
interface Traced {
  readonly id?: number;
  readonly metadata?: unknown;
}

/**
 * The spans of one client, by OpenTelemetry's conventions for messaging: `send`, `receive`, and `process`. The trace of a send goes
 * along in the metadata of its events, and their handlers go on in it. Without a registered provider there are none.
 */
export class Tracing {
  readonly #clientId: string;
  readonly #server: Pick<ServerAddress, 'hostname' | 'port'>;

  constructor(clientId: string, server: Pick<ServerAddress, 'hostname' | 'port'>) {
    this.#clientId = clientId;
    this.#server = server;
  }

  /**
   * Sends events in a span, which their metadata tells unless they have the trace of somebody else, to which the span is linked.
   * `send` is called at once, with the events to be sent.
   */
  send<Sent extends readonly { readonly id: number }[]>(
    channel: string,
    events: readonly unknown[],
    send: (events: readonly unknown[]) => Promise<Sent>,
  ): Promise<Sent> {
    const api = openTelemetry();
    if (api === undefined || !Array.isArray(events) || events.length === 0) return send(events);
    const span = this.#start(api, 'send', channel, {
      kind: api.SpanKind.PRODUCER,
      links: linksTo(api, events as readonly Traced[]),
      attributes: events.length > 1 ? { 'messaging.batch.message_count': events.length } : {},
    });
    const context = api.trace.setSpan(api.context.active(), span);
    const entries = entriesOf(api, context);
    const sent = api.context.with(context, () => send(events.map((event) => withEntries(event, entries))));
    sent.then(
      ([header, ...others]) => {
        if (header !== undefined && others.length === 0)
          span.setAttribute('messaging.message.id', String(header.id));
        span.end();
      },
      (error: unknown) => endFailed(api, span, error),
    );
    return sent;
  }

  /** Tells that events have come: in a span that is linked to those in which they were sent. */
  received(channel: string, events: readonly Traced[], group?: string): void {
    if (events.length === 0) return;
    const api = openTelemetry();
    if (api === undefined) return;
    this.#start(api, 'receive', channel, {
      kind: api.SpanKind.CLIENT,
      links: linksTo(api, events),
      attributes: {
        'messaging.batch.message_count': events.length,
        'messaging.consumer.group.name': group,
      },
      // What asks for events goes on for longer than what was traced when it began.
      root: true,
    }).end();
  }

  /** A span in which an event is handled; undefined if there is no tracing. */
  process(channel: string, event: Traced, group?: string): ProcessSpan | undefined {
    const api = openTelemetry();
    if (api === undefined) return undefined;
    const sentIn = contextOf(api, event);
    const options = {
      kind: api.SpanKind.CONSUMER,
      attributes: {
        'messaging.message.id': String(event.id),
        'messaging.consumer.group.name': group,
      },
    };
    const span = this.#start(api, 'process', channel, options, sentIn);
    return new StartedProcess(api, span, api.trace.setSpan(sentIn, span));
  }

  #start(
    api: OpenTelemetry,
    operation: 'send' | 'receive' | 'process',
    channel: string,
    options: { kind: number; attributes: Attributes; links?: Link[]; root?: boolean },
    context: Context = api.context.active(),
  ): Span {
    const attributes = {
      'messaging.system': SYSTEM,
      'messaging.operation.name': operation,
      'messaging.operation.type': operation,
      'messaging.destination.name': channel,
      'messaging.client.id': this.#clientId,
      'server.address': this.#server.hostname,
      'server.port': this.#server.port,
      ...options.attributes,
    };
    const tracer = api.trace.getTracer('@ganomede/events-client');
    // The channel is in the attributes alone: there may be one for each user, and names of spans have to be few.
    return tracer.startSpan(operation, { ...options, attributes }, context);
  }
}

/** The span of one call of handlers. */
export interface ProcessSpan {
  /** Calls handlers; what they do is traced as a part of it. */
  run<Result>(call: () => Result): Result;
  /** They have ended; `failures`: what went wrong. */
  end(...failures: unknown[]): void;
}

/** Apart from its interface, whose declaration names no type of OpenTelemetry: services need not have them. */
class StartedProcess implements ProcessSpan {
  readonly #api: OpenTelemetry;
  readonly #span: Span;
  readonly #context: Context;

  constructor(api: OpenTelemetry, span: Span, context: Context) {
    this.#api = api;
    this.#span = span;
    this.#context = context;
  }

  run<Result>(call: () => Result): Result {
    return this.#api.context.with(this.#context, call);
  }

  end(...failures: unknown[]): void {
    if (failures.length === 0) this.#span.end();
    else endFailed(this.#api, this.#span, failures[0]);
  }
}

function endFailed(api: OpenTelemetry, span: Span, error: unknown): void {
  const { code, name } = (typeof error === 'object' && error !== null ? error : {}) as Record<
    string,
    unknown
  >;
  const type = typeof code === 'string' ? code : typeof name === 'string' ? name : '_OTHER';
  span.setAttribute('error.type', type);
  span.setStatus({
    code: api.SpanStatusCode.ERROR,
    message: error instanceof Error ? error.message : String(error),
  });
  if (error instanceof Error) span.recordException(error);
  span.end();
}

/** What metadata says of a trace; nothing if the propagators that are registered do not know W3C Trace Context. */
function entriesOf(api: OpenTelemetry, context: Context): Readonly<Record<string, string>> {
  const carrier: Record<string, string> = {};
  api.propagation.inject(context, carrier);
  return Object.fromEntries(Object.entries(carrier).filter(([name]) => TRACE_FIELDS.includes(name)));
}

/** An event with more metadata, if it has no trace yet and they have room. What cannot be sent stays as it is. */
function withEntries(event: unknown, entries: Readonly<Record<string, string>>): unknown {
  if (typeof event !== 'object' || event === null || entries.traceparent === undefined) return event;
  const { from, type, data, metadata } = event as Readonly<Record<string, unknown>>;
  const given = metadata === undefined ? {} : withoutUndefined(metadata);
  if (metadataProblem(given) !== undefined || 'traceparent' in (given as object)) return event;
  const all = { ...(given as object), ...entries };
  return metadataProblem(all) === undefined ? { from, type, data, metadata: all } : event;
}

/** The context in which an event was sent; an empty one if it does not tell. */
function contextOf(api: OpenTelemetry, event: Traced): Context {
  const metadata = event?.metadata;
  if (typeof metadata !== 'object' || metadata === null) return api.ROOT_CONTEXT;
  return api.propagation.extract(api.ROOT_CONTEXT, metadata);
}

/** Links to the spans in which events were sent, each once. */
function linksTo(api: OpenTelemetry, events: readonly Traced[]): Link[] {
  const links = new Map<string, Link>();
  for (const event of events) {
    const context = api.trace.getSpanContext(contextOf(api, event));
    if (context !== undefined) links.set(`${context.traceId} ${context.spanId}`, { context });
  }
  return [...links.values()];
}
