import { type Static, type TObject, Type } from '@sinclair/typebox';
import { MAX_DELAY_MS, MAX_LEASE_MS, MAX_REASON_LENGTH, MAX_SETTLEMENTS } from '../limits.js';
import { START_RULE } from '../start.js';
import { ErrorBody } from './error-body.js';
import { Event, EventId } from './event.js';
import { ChannelName, ClientId, GroupName, IndexField } from './names.js';
import { Limit, StartText, Timeout } from './read.js';
import { Secret } from './secret.js';

const integer = (title: string, minimum: number, maximum: number, meaning: string) =>
  Type.Integer({
    title,
    description: `an integer from ${minimum} to ${maximum}, ${meaning}`,
    minimum,
    maximum,
  });

const LeaseMs = integer('leaseMs', 1, MAX_LEASE_MS, 'how long a worker has for an event, milliseconds');

/** How a group hands out its events; what is not given has its default. */
const Settings = {
  leaseMs: Type.Optional({ ...LeaseMs, default: 30_000 } as typeof LeaseMs),
  maxDeliveries: Type.Optional(
    integer('maxDeliveries', 1, 1_000, 'after so many deliveries without success an event is a dead letter'),
  ),
  backoffMs: Type.Optional(
    Type.Array(Type.Integer({ minimum: 0, maximum: MAX_DELAY_MS }), {
      title: 'backoffMs',
      description:
        `an array of 1 to 32 integers from 0 to ${MAX_DELAY_MS}, how long an event waits after its first delivery, ` +
        'its second, and so on, milliseconds',
      minItems: 1,
      maxItems: 32,
      default: [1_000, 5_000, 30_000, 300_000],
    }),
  ),
  maxPending: Type.Optional(integer('maxPending', 1, 10_000, 'the most events that are out at a time')),
  order: Type.Optional(
    Type.String({
      ...IndexField,
      title: 'order',
      description:
        `${IndexField.description}: events with the same value there are handed out one after the other; \`*\`: all ` +
        'events are',
      examples: ['data.userId'],
    }),
  ),
  deadLetters: Type.Optional(
    Type.String({
      ...ChannelName,
      title: 'deadLetters',
      description: `${ChannelName.description}: the channel of the dead letters; \`none\`: they are only counted`,
      examples: ['orders.dead-letters'],
    }),
  ),
};

const group = { channel: ChannelName, group: GroupName };
const secret = { secret: Type.Optional(Secret) };

const Start = Type.String({
  ...StartText,
  description: `where a group begins that there is not yet: ${START_RULE}`,
});

/** Body of `PUT /groups`. Other fields are ignored. */
export const SaveGroupBody = Type.Object({ ...group, ...secret, start: Type.Optional(Start), ...Settings });
export type SaveGroupBody = Static<typeof SaveGroupBody>;

/** A group and its settings. */
export const SaveGroupReply = Type.Object({
  channel: ChannelName,
  group: GroupName,
  settings: Type.Object(Settings, {
    description:
      'all of them; without `order` there is none, without `deadLetters` it is `<channel>.dead-letters`, or `<channel>.dead-letters:<type>`',
  }),
});
export type SaveGroupReply = Static<typeof SaveGroupReply>;

const TOKEN_PATTERN = '^[A-Za-z0-9_-]{1,100}$';

const Token = Type.String({
  title: 'token',
  description: 'the token that came with the event: 1 to 100 letters, digits, hyphens or underscores',
  pattern: TOKEN_PATTERN,
});

const Reason = Type.String({
  title: 'reason',
  description: `a string of at most ${MAX_REASON_LENGTH} characters`,
  maxLength: MAX_REASON_LENGTH,
});

/** What a worker says of an event that it was given, for each kind. */
export const Settlement = {
  acknowledge: Type.Object({ id: EventId, token: Token }),
  release: Type.Object({
    id: EventId,
    token: Token,
    delayMs: Type.Optional(
      integer(
        'delayMs',
        0,
        MAX_DELAY_MS,
        'how long it waits, milliseconds; else as long as `backoffMs` says',
      ),
    ),
    reason: Type.Optional(Reason),
    uncounted: Type.Optional(
      Type.Boolean({
        title: 'uncounted',
        description: 'a boolean, whether the delivery does not count: the event was not looked at',
      }),
    ),
  }),
  reject: Type.Object({ id: EventId, token: Token, reason: Reason }),
  extend: Type.Object({ id: EventId, token: Token, leaseMs: Type.Optional(LeaseMs) }),
} satisfies Record<string, TObject>;
export type Settlement = {
  [Kind in keyof typeof Settlement]: { kind: Kind } & Static<(typeof Settlement)[Kind]>;
}[keyof typeof Settlement];

/** What is none of these is refused by itself. */
const list = (title: string, entry: TObject) =>
  Type.Optional(
    Type.Array(Type.Unknown({ ...entry, title: 'settlement' }), {
      title,
      description: 'an array of {id, token, …}',
    }),
  );

const Settlements = {
  acknowledge: list('acknowledge', Settlement.acknowledge),
  release: list('release', Settlement.release),
  reject: list('reject', Settlement.reject),
  extend: list('extend', Settlement.extend),
};

/** Body of `POST /groups/settle`. */
export const SettleBody = Type.Object(
  { ...group, ...secret, ...Settlements },
  { description: `At most ${MAX_SETTLEMENTS} settlements in all` },
);
export type SettleBody = Static<typeof SettleBody>;

const Settled = Type.Optional(
  Type.Array(
    Type.Union([
      Type.Object({
        id: EventId,
        status: Type.Union([Type.Literal('done'), Type.Literal('stale')], {
          description: '`stale`: the token is not that of the latest delivery, and nothing was changed',
        }),
      }),
      Type.Object({ error: ErrorBody }),
    ]),
    { description: 'of each of these settlements, in the order of the request' },
  ),
);

/** What became of each settlement, under the names of the request. */
export const SettleReply = Type.Object({
  acknowledge: Settled,
  release: Settled,
  reject: Settled,
  extend: Settled,
});
export type SettleReply = Static<typeof SettleReply>;

/** Body of `POST /groups/receive`. */
export const ReceiveBody = Type.Object({
  ...group,
  clientId: ClientId,
  ...secret,
  limit: Limit,
  leaseMs: Type.Optional(LeaseMs),
  timeout: Type.Optional(Timeout),
  start: Type.Optional(Start),
  settle: Type.Optional(
    Type.Object(Settlements, { title: 'settle', description: 'an object, what `POST /groups/settle` takes' }),
  ),
});
export type ReceiveBody = Static<typeof ReceiveBody>;

/** Events, each leased to the worker, ascending by id. */
export const ReceiveReply = Type.Object({
  events: Type.Array(
    Type.Intersect([
      Event,
      Type.Object({
        delivery: Type.Object({
          token: Token,
          count: Type.Integer({ description: 'which delivery of the event it is, from 1' }),
          maxDeliveries: Type.Integer({ description: 'how many there are at most' }),
          leaseMs: LeaseMs,
        }),
      }),
    ]),
  ),
  settled: Type.Optional(SettleReply),
});

/** Query of `GET /groups`. */
export const ListGroupsQuery = Type.Object({ channel: ChannelName, ...secret });
export type ListGroupsQuery = Static<typeof ListGroupsQuery>;

const count = (description: string) => Type.Integer({ description, minimum: 0 });

/** A group, how it hands out its events, and how it is. */
export const GroupState = Type.Object({
  ...SaveGroupReply.properties,
  after: count('the id of the last event that was handed out, or waits behind another of its value'),
  lag: count('events that were not handed out yet'),
  pending: count('events that are out: leased, or waiting for their next delivery'),
  heldBack: count('events that wait behind another of their value'),
  redelivered: count('deliveries that were not the first of their event'),
  deadLetters: count('dead letters that were not handed out again'),
  missed: count('events that were dropped or redacted before they were delivered, as far as is known'),
  isFull: Type.Boolean({
    description: 'whether `maxPending`, or 10,000 held back events, keep others from being handed out',
  }),
  oldestPendingMs: Type.Optional(
    count('how long ago the oldest event that is out was first handed out, milliseconds'),
  ),
  workers: Type.Array(Type.Object({ clientId: ClientId, pending: count('events that are leased to it') })),
  createdAt: Type.Integer({ description: 'milliseconds since the Unix epoch' }),
});
export type GroupState = Static<typeof GroupState>;

export const ListGroupsReply = Type.Array(GroupState);

/** Body of `POST /groups/redrive`. */
export const RedriveBody = Type.Object({
  ...group,
  ...secret,
  ids: Type.Optional(
    Type.Array(EventId, {
      title: 'ids',
      description: 'an array of 1 to 1000 ids of events of the channel',
      minItems: 1,
      maxItems: 1_000,
    }),
  ),
  limit: Type.Optional(Limit),
});
export type RedriveBody = Static<typeof RedriveBody>;

/** The events that are handed out again. */
export const RedriveReply = Type.Object({ ids: Type.Array(EventId) });

/** Query of `DELETE /groups`. */
export const DeleteGroupQuery = Type.Object({ ...group, ...secret });
export type DeleteGroupQuery = Static<typeof DeleteGroupQuery>;

export const DeleteGroupReply = Type.Literal('OK');
