import { Type } from '@sinclair/typebox';

const text = (title: string, examples: string[]) =>
  Type.String({ title, description: 'a non-empty string', minLength: 1, examples });

/** Given by the server, strictly increasing within a channel, never reused. */
const EventId = Type.Integer({
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

/** What a publisher says about an event. */
export const EventInput = Type.Object({ from: EventFrom, type: EventType, data: Type.Optional(EventData) });

/** What a publisher gets back. */
export const EventHeader = Type.Object({ id: EventId, timestamp: Timestamp });

/** What a consumer receives. */
export const Event = Type.Object({
  id: EventId,
  timestamp: Timestamp,
  from: EventFrom,
  type: EventType,
  data: Type.Optional(EventData),
  redacted: Type.Optional(
    Type.Literal(true, { title: 'redacted', description: 'true: what the event held is forgotten' }),
  ),
});
