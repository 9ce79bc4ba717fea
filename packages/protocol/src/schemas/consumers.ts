import { type Static, Type } from '@sinclair/typebox';
import { ChannelName, ClientId } from './names.js';
import { PageLimit, PageStart } from './pages.js';
import { Secret } from './secret.js';

/** Query of `GET /consumers`. */
export const ListConsumersQuery = Type.Object({
  channel: ChannelName,
  secret: Type.Optional(Secret),
  after: Type.Optional(Type.String({ ...PageStart, description: 'the last clientId of the page before' })),
  limit: Type.Optional(Type.Integer({ ...PageLimit, description: 'an integer from 1, the most clientIds' })),
});
export type ListConsumersQuery = Static<typeof ListConsumersQuery>;

/** Sorted by clientId, then channel name. What is not known is absent. */
export const ListConsumersReply = Type.Array(
  Type.Object({
    clientId: ClientId,
    channel: ChannelName,
    after: Type.Integer({ description: 'the id of the last event that it has seen' }),
    lag: Type.Integer({ description: 'how many events of the channel name lie ahead of it' }),
    behindMs: Type.Optional(
      Type.Integer({ description: 'the age of the oldest of them, milliseconds; 0 if there is none' }),
    ),
    savedAt: Type.Optional(
      Type.Integer({ description: 'when it came to be there, milliseconds since the Unix epoch' }),
    ),
  }),
);
export type ListConsumersReply = Static<typeof ListConsumersReply>;

/** Query of `DELETE /consumers`. */
export const DeleteConsumerQuery = Type.Object({
  channel: ChannelName,
  clientId: ClientId,
  secret: Type.Optional(Secret),
});
export type DeleteConsumerQuery = Static<typeof DeleteConsumerQuery>;
