import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CursorsBody, CursorsReply, SeenCursor } from '@ganomede/events-protocol/schemas';
import type { EventStore } from '@ganomede/events-store';
import { checkCursorCount } from '../answers/cursor-count.js';
import type { DirectAnswers } from '../answers/direct-answers.js';
import { eachResult } from '../answers/each-result.js';
import { errorsOf } from '../answers/error-schemas.js';
import type { SharedCursors } from '../answers/shared-cursors.js';
import type { Access } from '../plugins/access.js';
import { checkOf } from '../plugins/validation.js';

export interface CursorsOptions {
  readonly store: Pick<EventStore, 'saveCursor'>;
  readonly sharedCursors: SharedCursors;
  readonly answers: DirectAnswers;
}

const schema = {
  operationId: 'acknowledge',
  summary: 'Save the cursors of several channels',
  description:
    'Each is saved, also if it is lower than the one that is saved, or fails by itself. `epoch` is what came with that event. ' +
    'Answers once all of them are saved or refused. Events are acknowledged that way by those who read with `POST /streams`.',
  tags: ['events'],
  body: CursorsBody,
  response: { 200: CursorsReply, ...errorsOf(400, 401, 413, 415, 429, 503) },
};

const access: Access = { action: 'read', channelOf: 'each entry' };

const checkCursor = checkOf(SeenCursor);

/** `POST /cursors` */
export const cursors: FastifyPluginAsyncTypebox<CursorsOptions> = async (fastify, options) => {
  const { store, sharedCursors, answers } = options;
  fastify.post('/cursors', { config: { access }, schema }, async (request, reply) => {
    const { clientId, cursors: entries } = request.body;
    checkCursorCount(entries);
    /** By channel: the last one is to be saved last. */
    const before = new Map<string, Promise<unknown>>();
    // Called in one turn, so that the store saves them together.
    const saving = entries.map((entry) => {
      const invalid = checkCursor(entry);
      if (invalid) return Promise.reject(invalid);
      const cursor = entry as SeenCursor;
      const { channel } = cursor;
      const saved = save(clientId, cursor, before.get(channel), () => request.checkEventsAccess(channel));
      before.set(
        channel,
        saved.catch(() => {}),
      );
      return saved.then((after) => ({
        after,
        ...(sharedCursors.seen(request, clientId, channel) && { shared: true as const }),
      }));
    });
    const results: CursorsReply['results'] = await eachResult(
      saving,
      (saved) => saved,
      (error) => fastify.takeError(error, request.log),
    );
    return answers.sendJson(reply, JSON.stringify({ results }));
  });

  /** Resolves with the cursor that is saved. */
  async function save(
    clientId: string,
    { channel, after, epoch }: SeenCursor,
    before: Promise<unknown> | undefined,
    checkAccess: () => void,
  ): Promise<number> {
    checkAccess();
    if (before !== undefined) await before;
    return (await store.saveCursor(clientId, channel, after, epoch)).after;
  }
};
