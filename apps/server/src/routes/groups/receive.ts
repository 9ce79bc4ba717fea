import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { ReceiveBody, ReceiveReply } from '@ganomede/events-protocol/schemas';
import type { EventStore, ReceivedEvent } from '@ganomede/events-store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorsOf } from '../../answers/error-schemas.js';
import { sendJson } from '../../answers/json.js';
import { SettlementLists } from '../../answers/settlement-lists.js';
import { startOf } from '../../answers/start-check.js';
import type { Metrics } from '../../metrics/metrics.js';
import type { Access } from '../../plugins/access.js';

export interface ReceiveOptions {
  readonly store: Pick<EventStore, 'receive' | 'settle'>;
  readonly metrics: Pick<Metrics, 'delivered'>;
  readonly pollTimeoutMs: number;
  readonly maxLimit: number;
}

const schema = {
  operationId: 'receive',
  summary: 'Receive events as one of the workers of a group',
  description:
    'Each event is leased to this worker, and to nobody else until the lease ends or it is settled. If there is none it waits up to ' +
    '`timeout` milliseconds, then answers an empty list. `settle` takes along what `POST /groups/settle` does, which is done first. ' +
    'If there is no such group it is created with the defaults, to begin at `start`; if it is deleted while this waits the answer is ' +
    '404. If the client hangs up before the answer, its events go to others at once.',
  tags: ['groups'],
  body: ReceiveBody,
  response: { 200: ReceiveReply, ...errorsOf(400, 401, 404, 413, 415, 429, 503) },
};

const access: Access = {
  action: 'work',
  channelOf: ({ body }: FastifyRequest<{ Body: ReceiveBody }>) => body.channel,
};

/** `POST /groups/receive` */
export const receive: FastifyPluginAsyncTypebox<ReceiveOptions> = async (
  fastify,
  { store, metrics, pollTimeoutMs, maxLimit },
) => {
  const { waitingRequests, log } = fastify;
  fastify.post('/groups/receive', { config: { access }, schema }, async (request, reply) => {
    const { channel, group, clientId, limit, leaseMs, timeout = pollTimeoutMs, settle } = request.body;
    const lists = settle && new SettlementLists(settle);
    const stop = new AbortController();
    const waiting = waitingRequests.enter({ stop: () => stop.abort() }, reply);
    try {
      const { events, settled } = await store.receive(channel, group, {
        clientId,
        limit: Math.min(limit, maxLimit),
        leaseMs,
        start: startOf(request.body),
        timeoutMs: Math.min(timeout, pollTimeoutMs),
        signal: stop.signal,
        settle: lists?.settlements,
      });
      unlessTaken(reply, events, (unused) => giveBack(channel, group, unused));
      metrics.delivered.inc(events.length);
      return sendJson(reply, jsonOf(events, lists?.reply(settled)));
    } finally {
      waiting.leave();
    }
  });

  /** If that fails their leases end. */
  function giveBack(channel: string, group: string, events: readonly ReceivedEvent[]): void {
    const settlements = events.map(
      ({ id, delivery: { token } }) => ({ kind: 'release', id, token, uncounted: true }) as const,
    );
    store
      .settle(channel, group, settlements)
      .catch((error: unknown) => log.warn(error, 'cannot give back events'));
  }
};

/** Calls `giveBack` if the connection closes before the operating system has the whole answer. */
function unlessTaken(
  reply: FastifyReply,
  events: readonly ReceivedEvent[],
  giveBack: (events: readonly ReceivedEvent[]) => void,
): void {
  if (events.length === 0) return;
  const { raw } = reply;
  const closed = () => {
    if (!raw.writableFinished) giveBack(events);
  };
  if (raw.destroyed || reply.request.raw.socket.destroyed) closed();
  else raw.once('close', closed);
}

const [HEAD, COMMA] = [Buffer.from('{"events":['), Buffer.from(',')];

/** The answer: the texts of the events as they were stored, each with its delivery. */
function jsonOf(events: readonly ReceivedEvent[], settled: object | undefined): Buffer {
  const pieces: Buffer[] = [HEAD];
  for (const { text, delivery } of events) {
    if (pieces.length > 1) pieces.push(COMMA);
    // In place of the last brace.
    pieces.push(text.subarray(0, -1), Buffer.from(`,"delivery":${JSON.stringify(delivery)}}`));
  }
  pieces.push(Buffer.from(settled === undefined ? ']}' : `],"settled":${JSON.stringify(settled)}}`));
  return Buffer.concat(pieces);
}
