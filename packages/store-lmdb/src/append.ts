import type { EventHeader } from '@ganomede/events-protocol';
import { type SerialisedEvent, type Retention, type TailEvent, tooMany } from '@ganomede/events-store';
import type { Draft } from './commit-queue.js';
import { CHANNEL_COUNT, channelNumberKey, eventKey, typeKey } from './keys.js';

export interface Appended {
  readonly headers: EventHeader[];
  /** To be gone through once: events of a channel that nobody follows need not be made. */
  readonly tail: Iterable<TailEvent>;
  /** Oldest id that the channel keeps now. */
  readonly firstId: number;
}

const NOTHING = Buffer.alloc(0);

/** Gives the events the next ids of the channel and adds all that has to be stored to the draft. */
export function planAppend(
  draft: Draft,
  channel: string,
  events: readonly SerialisedEvent[],
  retention: Retention,
): Appended {
  const record = draft.channel(channel) ?? {
    number: newChannelNumber(draft, channel),
    firstId: 1,
    lastId: 0,
    time: 0,
  };
  const { number, lastId } = record;
  const timestamp = Math.max(Date.now(), record.time);
  const headers: EventHeader[] = [];
  const jsons: Buffer[] = [];
  let id = lastId;
  for (const { text, filed } of events) {
    id++;
    const json = Buffer.from(`{"id":${id},"timestamp":${timestamp},${text}`);
    draft.add(eventKey(number, id), json);
    if (filed !== undefined) draft.add(typeKey(number, filed, id), NOTHING);
    headers.push({ id, timestamp });
    jsons.push(json);
  }
  const firstId = record.firstId + tooMany(id - record.firstId + 1, retention);
  draft.setChannel(channel, { number, firstId, lastId: id, time: timestamp });
  return { headers, tail: tailEvents(lastId + 1, events, jsons), firstId };
}

function* tailEvents(
  firstId: number,
  events: readonly SerialisedEvent[],
  jsons: readonly Buffer[],
): Iterable<TailEvent> {
  for (const [i, json] of jsons.entries()) yield { id: firstId + i, type: events[i]?.type ?? '', json };
}

function newChannelNumber(draft: Draft, channel: string): number {
  const number = Number(draft.get(CHANNEL_COUNT) ?? 0) + 1;
  const text = Buffer.from(String(number));
  draft.set(CHANNEL_COUNT, text);
  draft.add(channelNumberKey(channel), text);
  return number;
}
