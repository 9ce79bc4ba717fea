import { type Static, Type } from '@sinclair/typebox';
import { ChannelName, ClientId } from './channel.js';
import { EventHeader, EventInput } from './event.js';
import { Secret } from './requests.js';

/** Most events in one publish. */
export const MAX_BATCH_EVENTS = 1_000;

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
});
export type BatchPublishBody = Static<typeof BatchPublishBody>;

/** One header for each event, in the order of the events. */
export const BatchPublishReply = Type.Array(EventHeader);
export type BatchPublishReply = Static<typeof BatchPublishReply>;
