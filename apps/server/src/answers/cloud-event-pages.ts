import type { EventPage, EventStore } from '@ganomede/events-store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CLOUD_EVENTS_TYPE, cloudEventOf } from '../formats/cloud-events.js';
import { withPageHeaders } from './json.js';

/** Whether a read asks for its events as CloudEvents. */
export function asksForCloudEvents({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return headers.accept?.includes(CLOUD_EVENTS_TYPE) === true;
}

/** Pages whose events are sent as a batch of CloudEvents. */
export class CloudEventPages {
  readonly #store: Pick<EventStore, 'channelOf'>;

  constructor(store: Pick<EventStore, 'channelOf'>) {
    this.#store = store;
  }

  /** Answers a read of one channel with a page; `after`: the cursor that was read by. */
  sendPage(reply: FastifyReply, page: EventPage, after?: number): FastifyReply {
    const { channel: name } = reply.request.query as { channel: string };
    const channel = this.#store.channelOf(name);
    return withPageHeaders(reply, page, after)
      .header('content-type', `${CLOUD_EVENTS_TYPE}; charset=utf-8`)
      .send(JSON.stringify(page.events.map((event) => cloudEventOf(event, channel))));
  }
}
