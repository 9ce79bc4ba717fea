import { type Static, Type } from '@sinclair/typebox';
import { ChannelName, ClientId, GroupName } from './names.js';
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

/** Sorted by clientId, then channel name; in the first page the groups come after them. What is not known is absent. */
export const ListConsumersReply = Type.Array(
  Type.Object({
    clientId: Type.Optional(ClientId),
    group: Type.Optional(GroupName),
    channel: ChannelName,
    after: Type.Integer({
      description: 'the id of the last event that it has seen; of a group: that it has handed out',
    }),
    lag: Type.Integer({ description: 'how many events of the channel name lie ahead of it' }),
    pending: Type.Optional(Type.Integer({ description: 'of a group: events that are out' })),
    redelivered: Type.Optional(
      Type.Integer({ description: 'of a group: deliveries that were not the first' }),
    ),
    deadLetters: Type.Optional(
      Type.Integer({ description: 'of a group: dead letters that were not handed out again' }),
    ),
    oldestPendingMs: Type.Optional(
      Type.Integer({
        description:
          'of a group: how long ago the oldest event that is out was first handed out, milliseconds',
      }),
    ),
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
