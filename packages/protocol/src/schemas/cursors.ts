import { type Static, type TObject, Type } from '@sinclair/typebox';
import { MAX_CURSORS } from '../limits.js';
import { TIME_RULE } from '../start.js';
import { ErrorBody } from './error-body.js';
import { ChannelName, ClientId } from './names.js';
import { After, Epoch } from './read.js';
import { Secret } from './secret.js';

/** How far a consumer has come in a channel. */
export const SeenCursor = Type.Object({
  channel: ChannelName,
  after: After,
  epoch: Type.Optional(Epoch),
});
export type SeenCursor = Static<typeof SeenCursor>;

/** A body with cursors: what is none of these is refused by itself. */
export const cursorsBody = (cursor: TObject) =>
  Type.Object({
    clientId: ClientId,
    secret: Type.Optional(Secret),
    cursors: Type.Array(Type.Unknown({ ...cursor, title: 'cursor' }), {
      title: 'cursors',
      description: `an array of 1 to ${MAX_CURSORS} cursors`,
      minItems: 1,
    }),
  });

/** Body of `POST /cursors`. */
export const CursorsBody = cursorsBody(SeenCursor);
export type CursorsBody = Static<typeof CursorsBody>;

/** Query of `GET /cursors`. */
export const FindCursorQuery = Type.Object({
  channel: ChannelName,
  secret: Type.Optional(Secret),
  time: Type.String({ title: 'time', description: TIME_RULE, examples: ['1429084002258'] }),
});
export type FindCursorQuery = Static<typeof FindCursorQuery>;

/** The cursor that a time stands for. */
export const FindCursorReply = Type.Object({
  after: After,
  firstId: Type.Integer({ description: 'as Events-First-Id' }),
  lastId: Type.Integer({ description: 'as Events-Last-Id' }),
  epoch: Type.Optional(Epoch),
});
export type FindCursorReply = Static<typeof FindCursorReply>;

/** What became of each cursor, in the order of the request. */
export const CursorsReply = Type.Object({
  results: Type.Array(Type.Union([Type.Object({ after: After }), Type.Object({ error: ErrorBody })])),
});
export type CursorsReply = Static<typeof CursorsReply>;
