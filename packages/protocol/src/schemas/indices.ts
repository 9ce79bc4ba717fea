import { type Static, Type } from '@sinclair/typebox';
import { Event } from './event.js';
import { ChannelName, IndexField, IndexId } from './names.js';
import { Before } from './read.js';
import { Secret } from './secret.js';

/** Finds the events of a channel by the value of a field. */
export const IndexDefinition = Type.Object({ id: IndexId, channel: ChannelName, field: IndexField });

/** What is looked for: a string as it is, a number or a boolean by its JSON text. */
const IndexValue = Type.String({ title: 'index value', description: 'a string', examples: ['alice'] });

/** Body of `POST /indices`. Other fields are ignored. */
export const CreateIndexBody = Type.Object({
  id: IndexId,
  channel: ChannelName,
  field: IndexField,
  secret: Type.Optional(Secret),
});
export type CreateIndexBody = Static<typeof CreateIndexBody>;

export const CreateIndexReply = Type.Literal('OK');

/** Query of `GET /indices`. */
export const ListIndicesQuery = Type.Object({ secret: Type.Optional(Secret) });

/** Every definition, sorted by id. */
export const ListIndicesReply = Type.Array(IndexDefinition);

/** Path of `GET /indices/:indexId/:indexValue`. */
export const ReadIndexParams = Type.Object({ indexId: IndexId, indexValue: IndexValue });

/** Unlike other reads that of an index has no default: as many as the server answers at once. */
const RowLimit = Type.Integer({
  title: 'limit',
  description: 'an integer from 1, the most events to return',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
});

/** Query of `GET /indices/:indexId/:indexValue`. */
export const ReadIndexQuery = Type.Object({
  secret: Type.Optional(Secret),
  limit: Type.Optional(RowLimit),
  before: Type.Optional(Before),
});
export type ReadIndexQuery = Static<typeof ReadIndexQuery>;

export const ReadIndexReply = Type.Object({
  id: IndexId,
  field: IndexField,
  value: IndexValue,
  rows: Type.Array(Event, { description: 'the events whose field has the value, newest first' }),
  next: Type.Optional(
    Type.Integer({ description: 'if there may be more: the `before` of the next page', minimum: 1 }),
  ),
});
