import { Type } from '@sinclair/typebox';
import { EventData } from './event.js';
import { ChannelName, ClientId } from './names.js';

const text = (description: string, examples: string[]) =>
  Type.String({ description, minLength: 1, examples });

/**
 * An event as CloudEvents 1.0 has it, in the JSON format. Described only: what comes is checked where it is translated, which says
 * what is wrong in the words of CloudEvents.
 */
export const CloudEvent = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    id: text('with `source` it tells the event from all others', ['7f9c4b8e']),
    source: text('who sent it, a URI reference: the `from` of the event', ['/shop']),
    type: text('what happened', ['com.example.paid']),
    subject: Type.Optional(text('what it is about', ['order 17'])),
    time: Type.Optional(Type.String({ description: 'RFC 3339', format: 'date-time' })),
    datacontenttype: Type.Optional(text('of `data`', ['application/json'])),
    dataschema: Type.Optional(Type.String({ description: 'that `data` adheres to', format: 'uri' })),
    data: Type.Optional(EventData),
    ganomedeid: Type.Optional(
      Type.String({
        description: 'from the server: the id of the event, for `after`',
        pattern: '^[1-9]\\d*$',
      }),
    ),
    ganomedetime: Type.Optional(
      Type.String({ description: 'from the server: when it was stored', format: 'date-time' }),
    ),
    ganomederedacted: Type.Optional(
      Type.Boolean({ description: 'from the server: what the event held is forgotten' }),
    ),
  },
  {
    title: 'CloudEvent',
    description: 'what else there is are extensions, named by a-z 0-9: the `metadata` of the event',
    additionalProperties: Type.Union([Type.String(), Type.Boolean(), Type.Integer()]),
  },
);

/** A batch of them, as it is sent, and as it is read. */
export const CloudEvents = Type.Array(CloudEvent, { title: 'CloudEvents' });

/** Query of `POST /events` with CloudEvents, which have no fields for these. */
export const CloudEventsQuery = Type.Object({
  clientId: Type.Optional({
    ...ClientId,
    description: `of CloudEvents: ${ClientId.description}`,
  } as typeof ClientId),
  channel: Type.Optional({
    ...ChannelName,
    description: `of CloudEvents: ${ChannelName.description}`,
  } as typeof ChannelName),
});
