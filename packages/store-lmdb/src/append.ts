import type { EventHeader } from '@ganomede/events-protocol';
import { type Retention, type TailEvent, tooMany } from '@ganomede/events-store';
import { decodeChannel, encodeChannel } from './channel-record.js';
import type { Draft } from './commit-queue.js';
import { CHANNEL_COUNT, channelKey, eventKey, typeKey } from './keys.js';

/** An event that is to get an id. */
export interface NewEvent {
  /** Its JSON text from `"from"` on. */
  readonly text: string;
  readonly type: string;
  /** The type to file it under; undefined for none. */
  readonly filed: string | undefined;
}

export interface Appended {
  readonly headers: EventHeader[];
  readonly tail: TailEvent[];
  /** Oldest id that the channel keeps now. */
  readonly firstId: number;
}

const NOTHING = Buffer.alloc(0);

/** Gives the events the next ids of the channel and adds all that has to be stored to the draft. */
export function planAppend(
  draft: Draft,
  channel: string,
  events: readonly NewEvent[],
  retention: Retention,
): Appended {
  const stored = draft.get(channelKey(channel));
  const record = stored
    ? decodeChannel(stored)
    : { number: newChannelNumber(draft), firstId: 1, lastId: 0, time: 0 };
  const { number, lastId } = record;
  const timestamp = Math.max(Date.now(), record.time);
  const headers: EventHeader[] = [];
  const tail: TailEvent[] = [];
  let id = lastId;
  for (const { text, type, filed } of events) {
    id++;
    const json = Buffer.from(`{"id":${id},"timestamp":${timestamp},${text}`);
    draft.add(eventKey(number, id), json);
    if (filed !== undefined) draft.add(typeKey(number, filed, id), NOTHING);
    headers.push({ id, timestamp });
    tail.push({ id, type, json });
  }
  const firstId = record.firstId + tooMany(id - record.firstId + 1, retention);
  draft.set(channelKey(channel), encodeChannel({ number, firstId, lastId: id, time: timestamp }));
  return { headers, tail, firstId };
}

function newChannelNumber(draft: Draft): number {
  const number = Number(draft.get(CHANNEL_COUNT) ?? 0) + 1;
  draft.set(CHANNEL_COUNT, Buffer.from(String(number)));
  return number;
}
