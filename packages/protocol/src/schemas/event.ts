import { Type } from '@sinclair/typebox';
import {
  MAX_METADATA_BYTES,
  MAX_METADATA_ENTRIES,
  METADATA_NAME_PATTERN,
  type Metadata,
} from '../metadata.js';

const text = (title: string, examples: string[]) =>
  Type.String({ title, description: 'a non-empty string', minLength: 1, examples });

/** Given by the server, strictly increasing within a channel, never reused. */
export const EventId = Type.Integer({
  title: 'id',
  description: 'a positive integer',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
});

/** Milliseconds since the Unix epoch, given by the server. */
const Timestamp = Type.Integer({
  title: 'timestamp',
  description: 'milliseconds since the Unix epoch',
  minimum: 0,
});

export const EventFrom = text('from', ['users/v1']);
export const EventType = text('type', ['add']);
export const EventData = Type.Union(
  [
    Type.Record(Type.String(), Type.Unknown(), { title: 'object' }),
    Type.Array(Type.Unknown(), { title: 'array' }),
  ],
  { title: 'data', description: 'an object or an array', examples: [{ username: 'alice' }] },
);

const EventMetadata = Type.Record(Type.String({ pattern: METADATA_NAME_PATTERN.source }), Type.String(), {
  title: 'metadata',
  description: `a flat object of strings: at most ${MAX_METADATA_ENTRIES} entries, names of 1 to 64 characters of a-z 0-9 . _ -, ${MAX_METADATA_BYTES} bytes in all`,
  maxProperties: MAX_METADATA_ENTRIES,
  additionalProperties: false,
  examples: [{ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }],
});
/** Of a new event. Only described here: the store checks it, and says which entry is wrong. */
export const NewMetadata = Type.Unsafe<Metadata>(Type.Unknown({ ...EventMetadata }));

/** What a publisher says about an event. */
export const EventInput = Type.Object({
  from: EventFrom,
  type: EventType,
  data: Type.Optional(EventData),
  metadata: Type.Optional(NewMetadata),
});

/** What a publisher gets back. */
export const EventHeader = Type.Object({ id: EventId, timestamp: Timestamp });

/** What a consumer receives. */
export const Event = Type.Object({
  id: EventId,
  timestamp: Timestamp,
  from: EventFrom,
  type: EventType,
  data: Type.Optional(EventData),
  metadata: Type.Optional(EventMetadata),
  redacted: Type.Optional(
    Type.Literal(true, { title: 'redacted', description: 'true: what the event held is forgotten' }),
  ),
});
