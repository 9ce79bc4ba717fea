import { type Static, Type } from '@sinclair/typebox';
import { cursorsBody } from './cursors.js';
import { ErrorBody } from './error-body.js';
import { Event } from './event.js';
import { ChannelName } from './names.js';
import { After, Epoch, Limit, StartText } from './read.js';

/** Where a stream begins in one of its channels; without `after` behind the saved cursor, and without that where `start` says. */
export const StreamCursor = Type.Object({
  channel: ChannelName,
  after: Type.Optional(After),
  epoch: Type.Optional(Epoch),
  start: Type.Optional(StartText),
  limit: Type.Optional(Limit),
});
export type StreamCursor = Static<typeof StreamCursor>;

/** Body of `POST /streams`. */
export const StreamsBody = cursorsBody(StreamCursor);
export type StreamsBody = Static<typeof StreamsBody>;

/** One line of the answer of `POST /streams`. */
export const StreamLine = Type.Union([
  Type.Object(
    { heartbeatMs: Type.Integer({ description: 'something is sent at least this often, milliseconds' }) },
    { description: 'the first line, and what is sent if there is nothing else' },
  ),
  Type.Object(
    {
      channel: ChannelName,
      after: Type.Integer({
        description:
          'up to here the channel was looked through: what lies between the cursor and here is of other types',
      }),
      firstId: Type.Integer({ description: 'as Events-First-Id' }),
      lastId: Type.Integer({ description: 'as Events-Last-Id' }),
      epoch: Type.Optional(Type.String({ description: 'as Events-Epoch' })),
      rewound: Type.Optional(
        Type.Object(
          { from: Type.Integer(), to: Type.Integer() },
          { description: 'as Events-Rewound: the store came back older' },
        ),
      ),
      events: Type.Array(Event),
    },
    { description: 'the next events of a channel' },
  ),
  Type.Object(
    {
      cursor: Type.Integer({ description: 'which one of the request, from 0' }),
      error: ErrorBody,
    },
    { description: 'a cursor was refused, or its channel cannot be read any more; the others go on' },
  ),
]);
export type StreamLine = Static<typeof StreamLine>;
