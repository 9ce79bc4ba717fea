import { type Static, Type } from '@sinclair/typebox';
import { MAX_BATCH_EVENTS, MAX_IDEMPOTENCY_KEY_LENGTH } from '../limits.js';
import { ErrorBody } from './error-body.js';
import { EventHeader, EventInput } from './event.js';
import { ChannelName, ClientId } from './names.js';
import { ExpectedLastId, IdempotencyKey } from './publish.js';
import { Secret } from './secret.js';

/** One of the appends of `POST /appends`: all of its events are stored, with consecutive ids, or none. Other fields are ignored. */
export const Append = Type.Object({
  channel: ChannelName,
  events: Type.Array(EventInput, {
    title: 'events',
    description: `an array of 1 to ${MAX_BATCH_EVENTS} events`,
    minItems: 1,
    maxItems: MAX_BATCH_EVENTS,
  }),
  key: Type.Optional(
    Type.String({
      ...IdempotencyKey,
      title: 'key',
      description: `its idempotency key, 1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} printable ASCII characters`,
    }),
  ),
  expectedLastId: Type.Optional(ExpectedLastId),
});
export type Append = Static<typeof Append>;

/** Body of `POST /appends`: what is no `Append` is refused by itself. */
export const AppendsBody = Type.Object({
  clientId: ClientId,
  secret: Type.Optional(Secret),
  appends: Type.Array(Type.Unknown({ ...Append, title: 'append' }), {
    title: 'appends',
    description: `an array of appends, of at most ${MAX_BATCH_EVENTS} events in all`,
    minItems: 1,
  }),
});
export type AppendsBody = Static<typeof AppendsBody>;

/** What became of each append, in the order of the request. */
export const AppendsReply = Type.Object({
  results: Type.Array(
    Type.Union([
      Type.Object({ headers: Type.Array(EventHeader, { description: 'of each event, in their order' }) }),
      Type.Object({ error: ErrorBody }),
    ]),
  ),
});
export type AppendsReply = Static<typeof AppendsReply>;
