import {
  AppendsBody,
  AppendsReply,
  BatchPublishBody,
  BatchPublishReply,
  CloudEvent,
  CloudEvents,
  CloudEventsQuery,
  Event,
  PublishBody,
  PublishReply,
  ReadQuery,
  ReadReply,
  ReceiveBody,
  ReceiveReply,
  StreamLine,
  StreamsBody,
} from '@ganomede/events-protocol/schemas';
import type { TSchema } from '@sinclair/typebox';
import pkg from '../../package.json' with { type: 'json' };
import { CLOUD_EVENT_TYPE, CLOUD_EVENTS_TYPE } from './cloud-events.js';

/** What goes over an address, by name. */
const MESSAGES = {
  publish: message('An event to publish', PublishBody),
  published: message('The event that was stored', PublishReply),
  publishSeveral: message('Events to publish, all or none', BatchPublishBody),
  publishedSeveral: message('Ids and timestamps of the events that were stored', BatchPublishReply),
  cloudEvent: message('An event to publish, as a CloudEvent', CloudEvent, CLOUD_EVENT_TYPE),
  cloudEvents: message('Events, as CloudEvents', CloudEvents, CLOUD_EVENTS_TYPE),
  page: message('Events, ascending by id', ReadReply),
  event: message('An event, as the data of a server-sent event', Event, 'text/event-stream'),
  appends: message('Events to publish to several channels', AppendsBody),
  appended: message('What became of each append', AppendsReply),
  follow: message('The channels to be told of', StreamsBody),
  line: message('A line of the answer: the next events of a channel', StreamLine, 'application/x-ndjson'),
  receive: message('A worker that asks for events of its group', ReceiveBody),
  received: message('Events that are leased to it', ReceiveReply),
} as const;

type MessageName = keyof typeof MESSAGES;

/** The addresses, below the prefix, and what goes over them. */
const CHANNELS = {
  events: {
    path: '/events',
    description: 'Events are published to named channels, and read from them',
    messages: [
      ...(['publish', 'published', 'publishSeveral', 'publishedSeveral'] as const),
      ...(['cloudEvent', 'cloudEvents', 'page', 'event'] as const),
    ],
  },
  appends: {
    path: '/appends',
    description: 'Many appends in one request',
    messages: ['appends', 'appended'],
  },
  streams: {
    path: '/streams',
    description: 'Many channels in one answer',
    messages: ['follow', 'line'],
  },
  work: {
    path: '/groups/receive',
    description: 'The events of a channel are shared by the workers of a group',
    messages: ['receive', 'received'],
  },
} as const satisfies Record<string, { path: string; description: string; messages: readonly MessageName[] }>;

type ChannelName = keyof typeof CHANNELS;

/** The server as AsyncAPI 3 has it, of the same schemas as its OpenAPI document. `prefix`: what all its addresses begin with. */
export function asyncapiDocument(prefix: string): object {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Ganomede Events',
      version: pkg.version,
      description:
        `Publish events to named channels, and receive them in order, over plain HTTP. Every request is described in [OpenAPI](${prefix}/openapi.json); ` +
        'this is what events are, and how they go in and out.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(
      Object.entries(CHANNELS).map(([name, { path, description, messages }]) => [
        name,
        {
          address: `${prefix}${path}`,
          description,
          messages: Object.fromEntries(messages.map((each) => [each, ref(`components/messages/${each}`)])),
        },
      ]),
    ),
    operations: {
      publish: {
        ...exchange('events', ['publish', 'publishSeveral'], ['published', 'publishedSeveral']),
        summary: 'Publish an event, or several',
        bindings: http('POST'),
      },
      publishCloudEvents: {
        ...exchange('events', ['cloudEvent', 'cloudEvents'], ['published', 'publishedSeveral']),
        summary: 'Publish CloudEvents',
        bindings: http('POST', CloudEventsQuery),
      },
      read: {
        action: 'send',
        channel: ref('channels/events'),
        messages: messagesOf('events', ['page', 'event', 'cloudEvents']),
        summary: 'Read events, or wait for the next one; which message it is, `Accept` says',
        bindings: http('GET', ReadQuery),
        security: SECURITY,
      },
      append: {
        ...exchange('appends', ['appends'], ['appended']),
        summary: 'Publish to several channels',
        bindings: http('POST'),
      },
      follow: {
        ...exchange('streams', ['follow'], ['line']),
        summary: 'Receive from many channels, over one connection',
        bindings: http('POST'),
      },
      work: {
        ...exchange('work', ['receive'], ['received']),
        summary: 'Receive events to work on, or wait for them',
        bindings: http('POST'),
      },
    },
    components: {
      messages: MESSAGES,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'The API secret' } },
    },
  };
}

const SECURITY = [ref('components/securitySchemes/bearer')];

function message(title: string, payload: TSchema, contentType = 'application/json') {
  return { title, contentType, payload };
}

/** A request with its answer. */
function exchange<Name extends ChannelName>(
  channel: Name,
  request: readonly MessagesOf<Name>[],
  answer: readonly MessagesOf<Name>[],
) {
  return {
    action: 'receive',
    channel: ref(`channels/${channel}`),
    messages: messagesOf(channel, request),
    reply: { channel: ref(`channels/${channel}`), messages: messagesOf(channel, answer) },
    security: SECURITY,
  };
}

type MessagesOf<Name extends ChannelName> = (typeof CHANNELS)[Name]['messages'][number];

function messagesOf<Name extends ChannelName>(channel: Name, names: readonly MessagesOf<Name>[]) {
  return names.map((name) => ref(`channels/${channel}/messages/${name}`));
}

function http(method: 'GET' | 'POST', query?: TSchema) {
  return { http: { method, ...(query !== undefined && { query }), bindingVersion: '0.3.0' } };
}

function ref(path: string) {
  return { $ref: `#/${path}` };
}
