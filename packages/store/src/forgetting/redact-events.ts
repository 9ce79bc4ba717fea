import type { Event } from '@ganomede/events-protocol';
import { indexedValue } from '../indices/index-value.js';
import type { ChannelScope, IndexScope, Storage } from '../storage.js';
import { indicesOf } from './indices-of.js';
import { type Redaction, redactionOf } from './redaction.js';
import { unknownChannel } from './unknown-channel.js';

/** Whether an event is redacted now. */
export interface RedactedEvent {
  readonly id: number;
  /** False: there is none with this id, it was dropped, or it was never given. */
  readonly isRedacted: boolean;
}

/**
 * Takes what publishers said in events out of a channel and its indices. Done again it takes out what was left if it was broken
 * off.
 *
 * @throws EventsError `ResourceNotFound` (as a rejection) if there is no such channel
 */
export async function redactEvents(
  storage: Pick<Storage, 'scan' | 'channels' | 'indices'>,
  channel: string,
  ids: readonly number[],
  scopeOf: (name: string) => ChannelScope,
): Promise<RedactedEvent[]> {
  const found = await findEvents(storage, channel, ids);
  const redactions = [...found.values()];
  const outcomes = await storage.channels.redact(channel, redactions);
  const redacted = new Map(redactions.map((redaction, i) => [redaction.id, outcomes[i] === true]));
  // Not before: an index that is being built takes no step with what was read before.
  for (const index of await indicesOf(storage, channel, scopeOf)) {
    await storage.indices.remove(index, idsToRemove(index, ids, found));
  }
  return ids.map((id) => ({ id, isRedacted: redacted.get(id) ?? false }));
}

/** By id, ascending. Ids that lie close to each other are read together. */
async function findEvents(
  storage: Pick<Storage, 'scan'>,
  channel: string,
  ids: readonly number[],
): Promise<Map<number, Redaction>> {
  const found = new Map<number, Redaction>();
  const wanted = new Set(ids);
  const ascending = [...wanted].sort((a, b) => a - b);
  let next = 0;
  while (next < ascending.length) {
    const after = (ascending[next] as number) - 1;
    // As far as at least every fourth one is wanted.
    let end = next + 1;
    while (end < ascending.length && (ascending[end] as number) - after <= 4 * (end - next + 1)) end++;
    const limit = (ascending[end - 1] as number) - after;
    const page = await storage.scan({ channel, type: undefined, after, limit });
    if (page.lastId === 0) throw unknownChannel(channel);
    for (const event of page.events) if (wanted.has(event.id)) found.set(event.id, redactionOf(event));
    // What it began above was dropped.
    const lastRead = page.events.at(-1)?.id ?? Number.POSITIVE_INFINITY;
    while (next < end && (ascending[next] as number) <= lastRead) next++;
  }
  return found;
}

/** Those of the events that the index no longer has a value of. */
function idsToRemove(
  { field }: IndexScope,
  ids: readonly number[],
  found: ReadonlyMap<number, Redaction>,
): number[] {
  return ids.filter((id) => {
    const redaction = found.get(id);
    if (redaction === undefined) return true;
    const event = JSON.parse(`{"id":${id},"timestamp":${redaction.timestamp},${redaction.kept}}`) as Event;
    return indexedValue(event, field) === undefined;
  });
}
