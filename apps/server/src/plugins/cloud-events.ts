import type { IncomingHttpHeaders } from 'node:http';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance, FastifyRequest, preValidationHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import { show } from '../answers/show.js';
import {
  CLOUD_EVENT_TYPE,
  CLOUD_EVENTS_TYPE,
  cloudEventOfHeaders,
  eventOf,
} from '../formats/cloud-events.js';

/** JSON, also one that is called otherwise (`application/vnd.shop+json`). */
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** For the scope of a route that takes CloudEvents too, by `takeCloudEvents`: what their bodies may be. */
export const cloudEvents = fp(async (fastify: FastifyInstance) => {
  fastify.decorateRequest('cloudEvents', null);
  fastify.removeContentTypeParser('application/json');
  for (const type of ['application/json', /^application\/[\w.-]+\+json\s*(?:;|$)/i]) {
    fastify.addContentTypeParser<Buffer>(type, { parseAs: 'buffer' }, (request, body, done) => {
      // In binary mode the body is the data, and there need not be any.
      if (body.length === 0 && modeOf(request.headers) === 'binary') done(null);
      else fastify.parseJsonBody(request, body, done);
    });
  }
});

/**
 * A `preValidation` hook: a request that brings CloudEvents 1.0, in whatever mode, is from here on a publish of several events, with
 * `clientId` and `channel` from the query; its `cloudEvents` tells so.
 *
 * @throws EventsError `InvalidContent`, `UnsupportedMediaType`
 */
export const takeCloudEvents: preValidationHookHandler = (request, _reply, done) => {
  const { headers } = request;
  const mode = modeOf(headers);
  const contentType = headers['content-type'];
  if (
    mode === 'binary' ? request.body !== undefined && !isJson(contentType) : isOtherJson(contentType, mode)
  ) {
    throw new EventsError(
      'UnsupportedMediaType',
      `Invalid Content-Type: expected application/json, also of the data of a CloudEvent, ${CLOUD_EVENT_TYPE} or ${CLOUD_EVENTS_TYPE}, got ${show(contentType)}`,
    );
  }
  if (mode !== undefined) {
    request.cloudEvents = mode === 'batch' ? 'several' : 'one';
    request.body = publishOf(request, mode);
  }
  done();
};

type Mode = 'structured' | 'binary' | 'batch';

/** In which mode a request brings CloudEvents; undefined if it brings none. */
function modeOf(headers: IncomingHttpHeaders): Mode | undefined {
  const essence = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (essence === CLOUD_EVENT_TYPE) return 'structured';
  if (essence === CLOUD_EVENTS_TYPE) return 'batch';
  return 'ce-specversion' in headers || 'ce-id' in headers ? 'binary' : undefined;
}

function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && JSON_TYPE.test(contentType);
}

/** Whether it is JSON that was read for CloudEvents, without there being any. */
function isOtherJson(contentType: string | undefined, mode: Mode | undefined): boolean {
  return mode === undefined && contentType?.includes('+') === true;
}

function publishOf({ headers, query, body }: FastifyRequest, mode: Mode): object {
  const { clientId, channel } = query as Record<string, unknown>;
  if (mode === 'binary') {
    return { clientId, channel, events: [eventOf(cloudEventOfHeaders(headers, body))] };
  }
  if (mode === 'structured') return { clientId, channel, events: [eventOf(body)] };
  if (!Array.isArray(body)) {
    throw new EventsError(
      'InvalidContent',
      `Invalid body: expected an array of CloudEvents, got ${show(body)}`,
    );
  }
  return { clientId, channel, events: body.map((each, i) => eventOf(each, ` in events/${i}`)) };
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the events came as CloudEvents, and how many; null: as events. */
    cloudEvents: 'one' | 'several' | null;
  }
}
