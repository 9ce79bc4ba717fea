import { type Static, Type } from '@sinclair/typebox';
import { ChannelName } from './channel.js';

/** How many events a read returns when it does not say. */
export const DEFAULT_LIMIT = 100;

export const After = Type.Integer({
  title: 'after',
  description: 'an integer from 0, the id of the last event already seen',
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
});

/** Of pages that go backward. */
export const Before = Type.Integer({
  title: 'before',
  description: 'an integer from 1, the id that all events are to lie below',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
});

export const Limit = Type.Integer({
  title: 'limit',
  description: 'an integer from 1, the most events to return',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  default: DEFAULT_LIMIT,
});

/** A place in a channel. */
export const Cursor = Type.Object({
  channel: ChannelName,
  after: Type.Optional(After),
  limit: Type.Optional(Limit),
});
export type Cursor = Static<typeof Cursor>;
