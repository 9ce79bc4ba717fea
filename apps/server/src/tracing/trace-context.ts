import type { IncomingHttpHeaders } from 'node:http';
import { type Metadata, metadataProblem } from '@ganomede/events-protocol';

/** A `traceparent` of W3C Trace Context, whatever its version. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;
/** Longest `tracestate` that has to be passed on. */
const MAX_TRACESTATE_LENGTH = 512;

/** What the headers of a request say of the trace that it belongs to, as metadata; undefined if nothing. */
export function traceContextOf({ traceparent, tracestate }: IncomingHttpHeaders): Metadata | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > 255 || !TRACEPARENT.test(traceparent))
    return undefined;
  const isUsable = typeof tracestate === 'string' && /^[\x20-\x7e]+$/.test(tracestate);
  if (!isUsable || tracestate.length > MAX_TRACESTATE_LENGTH) return { traceparent };
  return { traceparent, tracestate };
}

/** The metadata of an event that was sent in a trace: its own, and the trace unless it tells one or has no room for it. */
export function withTraceContext(metadata: Metadata | undefined, trace: Metadata): Metadata {
  if (metadata === undefined) return trace;
  if (metadata.traceparent !== undefined) return metadata;
  const both = { ...metadata, ...trace };
  return metadataProblem(both) === undefined ? both : metadata;
}
