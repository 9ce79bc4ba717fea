import { type Static, Type } from '@sinclair/typebox';
import { MAX_BATCH_EVENTS, MAX_IDEMPOTENCY_KEY_LENGTH } from '../limits.js';
import { IDEMPOTENCY_KEY_HEADER } from '../paths-and-headers.js';
import { EventData, EventFrom, EventHeader, EventInput, EventType, NewMetadata } from './event.js';
import { ChannelName, ClientId } from './names.js';
import { Secret } from './secret.js';

/** The condition of an append. */
export const ExpectedLastId = Type.Integer({
  title: 'expectedLastId',
  description: 'an integer from 0, the newest id of the channel (0: it has none); else nothing is stored',
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
});

/** Body of `POST /events`. Other fields are ignored. */
export const PublishBody = Type.Object({
  clientId: ClientId,
  channel: ChannelName,
  secret: Type.Optional(Secret),
  from: EventFrom,
  type: EventType,
  data: Type.Optional(EventData),
  metadata: Type.Optional(NewMetadata),
  expectedLastId: Type.Optional(ExpectedLastId),
});
export type PublishBody = Static<typeof PublishBody>;

/** The header, and what was sent of the event unless only the header was asked for. */
export const PublishReply = Type.Composite([EventHeader, Type.Partial(EventInput)]);

/** Body of `POST /events` with several events: all are stored, with consecutive ids, or none. Other fields are ignored. */
export const BatchPublishBody = Type.Object({
  clientId: ClientId,
  channel: ChannelName,
  secret: Type.Optional(Secret),
  events: Type.Array(EventInput, {
    title: 'events',
    description: `an array of 1 to ${MAX_BATCH_EVENTS} events`,
    minItems: 1,
    maxItems: MAX_BATCH_EVENTS,
  }),
  expectedLastId: Type.Optional(ExpectedLastId),
});
export type BatchPublishBody = Static<typeof BatchPublishBody>;

/** One header for each event, in the order of the events. */
export const BatchPublishReply = Type.Array(EventHeader);

/** Value of the header `Idempotency-Key`. */
export const IdempotencyKey = Type.String({
  title: IDEMPOTENCY_KEY_HEADER,
  description: `1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} printable ASCII characters`,
  minLength: 1,
  maxLength: MAX_IDEMPOTENCY_KEY_LENGTH,
  pattern: '^[\\u0020-\\u007e]*$',
  examples: ['7f9c4b8e-5d52-4c5b-9d0e-1f6a2f0f7c1d'],
});
