import { type Static, Type } from '@sinclair/typebox';
import { DEFAULT_LIMIT, MAX_STREAM_CHANNELS } from '../limits.js';
import { EPOCH_PATTERN } from '../paths-and-headers.js';
import { START_RULE } from '../start.js';
import { Event } from './event.js';
import { ChannelName, ClientId } from './names.js';
import { Secret } from './secret.js';

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

export const Epoch = Type.String({
  title: 'epoch',
  description:
    'the Events-Epoch of the answer that `after` is from: 1 to 100 letters, digits, hyphens, dots or underscores',
  pattern: EPOCH_PATTERN.source,
});

export const Timeout = Type.Integer({
  title: 'timeout',
  description:
    'an integer from 0, the longest wait for a new event in milliseconds (0 does not wait; never more than POLL_TIMEOUT)',
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
});

/** Where a consumer begins that has no saved cursor. */
export const StartText = Type.String({
  title: 'start',
  description: `where a consumer without a saved cursor begins: ${START_RULE}`,
  examples: ['first', 'new', '1429084002258', '2026-11-28T16:00:00Z'],
});

/** Query of `GET /events`. `channel` may be repeated only if the answer is an event stream. */
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
  epoch: Type.Optional(Epoch),
  start: Type.Optional(StartText),
  limit: Type.Optional(Limit),
  timeout: Type.Optional({
    ...Timeout,
    description:
      'an integer from 0, the longest wait for a new event in milliseconds (0 does not wait; never more than POLL_TIMEOUT, 30 s if that is unset; default POLL_TIMEOUT, else 5 s)',
  } as typeof Timeout),
});
export type ReadQuery = Static<typeof ReadQuery>;

/** Query of `GET /latest`: the newest events, or the newest of those with a lower id than `before`. */
export const LatestQuery = Type.Object({
  channel: ChannelName,
  secret: Type.Optional(Secret),
  limit: Type.Optional(Limit),
  before: Type.Optional(Before),
});
export type LatestQuery = Static<typeof LatestQuery>;

/** Reply of `GET /events` and `GET /latest`. */
export const ReadReply = Type.Array(Event);
