import type { SwaggerTransform } from '@fastify/swagger';
import { CloudEvent, CloudEvents, CloudEventsQuery, ReadReply } from '@ganomede/events-protocol/schemas';
import { type TSchema, Type } from '@sinclair/typebox';
import { CLOUD_EVENT_TYPE, CLOUD_EVENTS_TYPE } from './cloud-events.js';

/** What an answer may be, by its `Content-Type`. */
type Contents = Readonly<Record<string, { readonly schema: TSchema }>>;

export const PAGE_CONTENTS: Contents = {
  'application/json': { schema: ReadReply },
  [CLOUD_EVENTS_TYPE]: { schema: CloudEvents },
};

export const READ_CONTENTS: Contents = {
  ...PAGE_CONTENTS,
  'text/event-stream': { schema: Type.String({ description: 'server-sent events' }) },
};

/** Has the OpenAPI document say in which formats a route answers with events. */
export function withContents(content: Contents): SwaggerTransform {
  return ({ schema, url }) => {
    const response = schema.response as Record<number, object>;
    return {
      url,
      schema: { ...schema, response: { ...response, 200: { description: 'the events', content } } },
    };
  };
}

/** Has the OpenAPI document say what a publish of CloudEvents is; that of events is what the route checks. */
export const describeCloudEvents: SwaggerTransform = ({ schema, url }) => ({
  url,
  schema: {
    ...schema,
    querystring: CloudEventsQuery,
    body: {
      content: {
        'application/json': { schema: schema.body },
        [CLOUD_EVENT_TYPE]: { schema: CloudEvent },
        [CLOUD_EVENTS_TYPE]: { schema: CloudEvents },
      },
    },
  },
});
