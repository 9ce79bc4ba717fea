import { type Static, Type } from '@sinclair/typebox';
import { ChannelName, ClientId } from './channel.js';
import { After, Limit } from './cursor.js';
import { Event, EventData, EventFrom, EventHeader, EventType } from './event.js';

/** Where every route lives. */
export const API_PREFIX = '/events/v1';

/** Of every read: the oldest event kept in the channel, 0 where there is none. */
export const FIRST_ID_HEADER = 'Events-First-Id';
/** Of every read: the newest id given in the channel, 0 where there is none. */
export const LAST_ID_HEADER = 'Events-Last-Id';

export const Secret = Type.String({
  title: 'secret',
  description: 'the API secret; the header `Authorization: Bearer <secret>` is preferred',
});

/** Body of `POST /events`. Other fields are ignored. */
export const PublishBody = Type.Object({
  clientId: ClientId,
  channel: ChannelName,
  secret: Type.Optional(Secret),
  from: EventFrom,
  type: EventType,
  data: Type.Optional(EventData),
});
export type PublishBody = Static<typeof PublishBody>;

export const PublishReply = EventHeader;
export type PublishReply = EventHeader;

/** Most channels in one event stream. */
export const MAX_STREAM_CHANNELS = 100;

/** Query of `GET /events`. `channel` may be repeated only where the answer is an event stream. */
export const ReadQuery = Type.Object({
  clientId: ClientId,
  channel: Type.Union(
    [ChannelName, Type.Array(ChannelName, { minItems: 1, maxItems: MAX_STREAM_CHANNELS })],
    {
      title: 'Channel',
      description: ChannelName.description as string,
    },
  ),
  secret: Type.Optional(Secret),
  after: Type.Optional(After),
  limit: Type.Optional(Limit),
  timeout: Type.Optional(
    Type.Integer({
      title: 'timeout',
      description:
        'an integer from 0, the longest wait for a new event in milliseconds (0 does not wait; never more than POLL_TIMEOUT)',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
    }),
  ),
});
export type ReadQuery = Static<typeof ReadQuery>;

export const ReadReply = Type.Array(Event);
export type ReadReply = Static<typeof ReadReply>;
