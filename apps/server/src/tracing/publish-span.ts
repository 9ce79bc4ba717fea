import type { EventHeader, EventInput } from '@ganomede/events-protocol';
import type { Link } from '@opentelemetry/api';
import { openTelemetry } from './open-telemetry.js';

/**
 * Appends events in a span `publish`, if OpenTelemetry is registered: in the trace in which they were sent; if that are several,
 * linked to each of them.
 */
export function tracedAppend(
  channel: string,
  events: readonly EventInput[],
  append: () => Promise<EventHeader[]>,
): Promise<EventHeader[]> {
  const api = openTelemetry();
  if (api === undefined) return append();
  const sentIn = new Map<string, Link>();
  for (const { metadata } of events) {
    const parent = metadata && api.propagation.extract(api.ROOT_CONTEXT, metadata);
    const context = parent && api.trace.getSpanContext(parent);
    if (context !== undefined) sentIn.set(`${context.traceId} ${context.spanId}`, { context });
  }
  const links = [...sentIn.values()];
  const parent =
    links.length === 1
      ? api.trace.setSpanContext(api.ROOT_CONTEXT, (links[0] as Link).context)
      : api.context.active();
  const options = {
    kind: api.SpanKind.SERVER,
    links: links.length === 1 ? [] : links,
    attributes: {
      'messaging.system': 'ganomede-events',
      'messaging.operation.name': 'publish',
      'messaging.destination.name': channel,
      'messaging.batch.message_count': events.length > 1 ? events.length : undefined,
    },
  };
  // The channel is in the attributes alone: there may be one for each user, and names of spans have to be few.
  const span = api.trace.getTracer('@ganomede/events-server').startSpan('publish', options, parent);
  const appending = api.context.with(api.trace.setSpan(parent, span), append);
  appending.then(
    (headers) => {
      if (headers.length === 1) span.setAttribute('messaging.message.id', String(headers[0]?.id));
      span.end();
    },
    (error: unknown) => {
      const { code = '_OTHER', message } = error as { code?: string; message?: string };
      span.setAttribute('error.type', code);
      span.setStatus({ code: api.SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
      span.end();
    },
  );
  return appending;
}
