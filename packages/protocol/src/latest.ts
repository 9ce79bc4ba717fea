import { type Static, Type } from '@sinclair/typebox';
import { ChannelName } from './channel.js';
import { Before, Limit } from './cursor.js';
import { Secret } from './requests.js';

/** Query of `GET /latest`: the newest events, those with a lower id than `before` where it is given. */
export const LatestQuery = Type.Object({
  channel: ChannelName,
  secret: Type.Optional(Secret),
  limit: Type.Optional(Limit),
  before: Type.Optional(Before),
});
export type LatestQuery = Static<typeof LatestQuery>;
