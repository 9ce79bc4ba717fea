import { type Static, Type } from '@sinclair/typebox';
import { FIRST_TIME_MS, MAX_REDACTIONS } from '../limits.js';
import { ErrorBody } from './error-body.js';
import { ChannelName } from './names.js';
import { PageLimit, PageStart } from './pages.js';
import { Secret } from './secret.js';

/** Query of `GET /channels`. */
export const ListChannelsQuery = Type.Object({
  secret: Type.Optional(Secret),
  prefix: Type.Optional(
    Type.String({ ...PageStart, title: 'prefix', description: 'what names are to begin with, as a text' }),
  ),
  after: Type.Optional(PageStart),
  limit: Type.Optional(PageLimit),
});
export type ListChannelsQuery = Static<typeof ListChannelsQuery>;

/** Sorted by the UTF-8 bytes of the names. What cannot be read now is absent. */
export const ListChannelsReply = Type.Array(
  Type.Object({
    channel: ChannelName,
    firstId: Type.Optional(Type.Integer({ description: 'the oldest event that is kept; 0 if none is' })),
    lastId: Type.Optional(Type.Integer({ description: 'the newest id given' })),
    lastTimestamp: Type.Optional(
      Type.Integer({ description: 'of the newest event, also if it is no longer kept' }),
    ),
  }),
);
export type ListChannelsReply = Static<typeof ListChannelsReply>;

/** Query of `DELETE /channels`. */
export const DeleteChannelQuery = Type.Object({ channel: ChannelName, secret: Type.Optional(Secret) });
export type DeleteChannelQuery = Static<typeof DeleteChannelQuery>;

/** Body of `POST /channels/trim`. */
export const TrimChannelBody = Type.Object({
  channel: ChannelName,
  secret: Type.Optional(Secret),
  before: Type.Union(
    [
      Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      Type.String({
        pattern:
          '^\\d{4}-\\d\\d-\\d\\d(?:T\\d\\d:\\d\\d(?::\\d\\d(?:\\.\\d{1,9})?)?(?:Z|[+-]\\d\\d:\\d\\d))?$',
      }),
    ],
    {
      title: 'before',
      description: `an id from 1, or a time: milliseconds since the epoch (from ${FIRST_TIME_MS}) or ISO 8601 with a time zone`,
      examples: [4711],
    },
  ),
});
export type TrimChannelBody = Static<typeof TrimChannelBody>;

/** What the channel keeps then. */
export const TrimChannelReply = Type.Object({
  firstId: Type.Integer({ description: 'the oldest event that is kept; 0 if none is' }),
  lastId: Type.Integer({ description: 'the newest id given' }),
});
export type TrimChannelReply = Static<typeof TrimChannelReply>;

/** Body of `POST /redactions`. */
export const RedactBody = Type.Object({
  channel: ChannelName,
  secret: Type.Optional(Secret),
  ids: Type.Array(
    Type.Integer({
      title: 'id',
      description: 'a positive integer',
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
    }),
    {
      title: 'ids',
      description: `an array of 1 to ${MAX_REDACTIONS} ids of events`,
      minItems: 1,
      maxItems: MAX_REDACTIONS,
    },
  ),
});
export type RedactBody = Static<typeof RedactBody>;

/** What became of each event, in the order of the request. */
export const RedactReply = Type.Object({
  results: Type.Array(
    Type.Union([
      Type.Object({ id: Type.Integer(), redacted: Type.Literal(true) }),
      Type.Object({ id: Type.Integer(), error: ErrorBody }),
    ]),
  ),
});
export type RedactReply = Static<typeof RedactReply>;
