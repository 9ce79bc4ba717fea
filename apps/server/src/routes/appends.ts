import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type EventHeader, EventsError, MAX_BATCH_EVENTS } from '@ganomede/events-protocol';
import { Append, AppendsBody, AppendsReply } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import type { DirectAnswers } from '../answers/direct-answers.js';
import { eachResult } from '../answers/each-result.js';
import { errorsOf } from '../answers/error-schemas.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Access } from '../plugins/access.js';
import { checkOf } from '../plugins/validation.js';
import { tracedAppend } from '../tracing/publish-span.js';

export interface AppendsOptions {
  readonly store: Pick<EventStore, 'append'>;
  readonly metrics: Pick<Metrics, 'published'>;
  readonly answers: DirectAnswers;
}

const schema = {
  operationId: 'append',
  summary: 'Publish to several channels',
  description:
    'Each append is stored whole, with consecutive ids, or not at all, and fails by itself; those of one channel are ' +
    'stored in the order in which they stand. Answers once all of them are stored or refused. Repeated with the same ' +
    '`key` an append is answered as the first time and stores nothing. With `expectedLastId` it is refused, with the error ' +
    '`UnexpectedLastId`, unless that is the newest id of its channel when its turn comes.',
  tags: ['events'],
  body: AppendsBody,
  response: { 200: AppendsReply, ...errorsOf(400, 401, 413, 415, 429, 503) },
};

const access: Access = { action: 'publish', channelOf: 'each entry' };

const checkAppend = checkOf(Append);

/** `POST /appends` */
export const appends: FastifyPluginAsyncTypebox<AppendsOptions> = async (
  fastify,
  { store, metrics, answers },
) => {
  fastify.post('/appends', { config: { access }, schema }, async (request, reply) => {
    const { clientId, appends: entries } = request.body;
    checkSize(entries);
    // Called in their order in one turn, so that the store takes them in their order, and together.
    const appending = entries.map((entry) =>
      append(clientId, entry, (channel) => request.checkEventsAccess(channel)),
    );
    // The store has its JSON text: objects that need not be kept while it writes.
    (request as { body: unknown }).body = undefined;
    const results: AppendsReply['results'] = await eachResult(
      appending,
      (headers) => {
        metrics.published.inc(headers.length);
        return { headers };
      },
      (error) => fastify.takeError(error, request.log),
    );
    return answers.sendJson(reply, JSON.stringify({ results }));
  });

  async function append(
    clientId: string,
    entry: unknown,
    checkAccess: (channel: string) => void,
  ): Promise<EventHeader[]> {
    const invalid = checkAppend(entry);
    if (invalid) throw invalid;
    const { channel, events, key, expectedLastId } = entry as Append;
    checkAccess(channel);
    const idempotency = key === undefined ? undefined : { clientId, key };
    return tracedAppend(channel, events, () =>
      store.append(channel, events, { idempotency, expectedLastId }),
    );
  }
};

/** @throws EventsError `PayloadTooLarge` */
function checkSize(entries: readonly unknown[]): void {
  let count = 0;
  for (const entry of entries) {
    const events = (entry as { events?: unknown } | null)?.events;
    count += Array.isArray(events) ? events.length : 1;
  }
  if (count <= MAX_BATCH_EVENTS) return;
  throw new EventsError(
    'PayloadTooLarge',
    `Invalid appends: expected at most ${MAX_BATCH_EVENTS} events in all, got ${count}`,
  );
}
