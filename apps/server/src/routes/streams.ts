import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DEFAULT_LIMIT, EventsError } from '@ganomede/events-protocol';
import { StreamCursor, StreamLine, StreamsBody } from '@ganomede/events-protocol/schemas';
import { checkCursorCount } from '../answers/cursor-count.js';
import { checkEpoch } from '../answers/epoch-check.js';
import { errorsOf } from '../answers/error-schemas.js';
import { type PageCursor, PageStream, type PageStreamContext } from '../answers/page-stream.js';
import { startOf } from '../answers/start-check.js';
import type { Access } from '../plugins/access.js';
import { checkOf } from '../plugins/validation.js';

export interface StreamsOptions extends Pick<PageStreamContext, 'store' | 'metrics' | 'untaken'> {
  readonly maxLimit: number;
}

const schema = {
  operationId: 'stream',
  summary: 'Receive the events of many channels',
  description:
    'Answers with one JSON text a line, for as long as the client listens: pages of events, each behind the one before of its ' +
    'channel, which begins after `after`, or else behind the saved cursor, or else where `start` says, which is saved. Saves nothing else: what was seen is acknowledged with ' +
    '`POST /cursors`. A cursor that is refused has a line of its own; the others go on. If the stream ends the client ' +
    'begins another behind what it has got.',
  tags: ['events'],
  body: StreamsBody,
  response: {
    200: {
      description: 'Lines, until the client or the server ends the stream',
      content: { 'application/x-ndjson': { schema: StreamLine } },
    },
    ...errorsOf(400, 401, 413, 415, 429, 503),
  },
};

const access: Access = { action: 'read', channelOf: 'each entry' };

const checkCursor = checkOf(StreamCursor);

/** `POST /streams` */
export const streams: FastifyPluginAsyncTypebox<StreamsOptions> = async (
  fastify,
  { maxLimit, ...shared },
) => {
  const { waitingRequests, takeError } = fastify;
  const context = { ...shared, takeError, waitingRequests };
  fastify.post('/streams', { config: { access }, schema }, (request, reply) => {
    const { clientId, cursors: entries } = request.body;
    checkCursorCount(entries);
    const channels = new Set<string>();
    const cursors = entries.map((entry) =>
      admitted(entry, channels, (name) => request.checkEventsAccess(name)),
    );
    new PageStream(clientId, reply, context).send(cursors);
  });

  /** Where to begin, or why not. `channels`: those before it. */
  function admitted(
    entry: unknown,
    channels: Set<string>,
    checkAccess: (channel: string) => void,
  ): PageCursor | EventsError {
    try {
      const invalid = checkCursor(entry);
      if (invalid) throw invalid;
      const cursor = entry as StreamCursor;
      const { channel, after, epoch, limit = DEFAULT_LIMIT } = cursor;
      checkAccess(channel);
      if (channels.has(channel)) throw repeated(channel);
      checkEpoch(cursor);
      const start = startOf(cursor);
      channels.add(channel);
      return { channel, after, epoch, start, limit: Math.min(limit, maxLimit) };
    } catch (error) {
      if (error instanceof EventsError) return error;
      throw error;
    }
  }
};

function repeated(channel: string): EventsError {
  return new EventsError(
    'InvalidContent',
    `Invalid Channel: expected each once, got another cursor for ${JSON.stringify(channel)}`,
  );
}
