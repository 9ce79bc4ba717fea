import { EventsError } from '@ganomede/events-protocol';
import { headerOf } from '../events/event-text.js';
import { type ImportedCounts, type ImportedEvent, type ImportedPart, MAX_GAP } from './transfer-storage.js';

/** Where a channel begins and ends: `firstId` lies above `lastId` if it keeps nothing. */
interface Ends {
  readonly firstId: number;
  readonly lastId: number;
}

export interface NewOfPart extends Pick<ImportedCounts, 'known'> {
  /** Those above the newest id of the channel. */
  readonly events: readonly ImportedEvent[];
}

/**
 * What of a part is new to a channel. `kept`: the events that the channel has with `after` < id ≤ `lastId` of the part, ascending.
 *
 * @throws EventsError `Conflict` or `ServiceUnavailable`, see `TransferStorage.importEvents`
 */
export function newOfPart(
  channel: string,
  part: ImportedPart,
  { firstId, lastId }: Ends,
  kept: Iterable<Buffer>,
): NewOfPart {
  if (part.continues && lastId < part.after) throw cameBackOlder(channel, part.after, lastId);
  const old = part.events.filter(({ id }) => id >= firstId && id <= lastId);
  let known = 0;
  for (const text of kept) {
    const { id } = headerOf(text);
    const event = old[known];
    if (event?.id !== id || !event.json.equals(text)) {
      throw another(channel, Math.min(id, event?.id ?? id));
    }
    known++;
  }
  const missing = old[known];
  if (missing) throw another(channel, missing.id);
  const events = part.events.filter(({ id }) => id > lastId);
  // A channel that keeps nothing begins at the first one.
  let last = firstId > lastId ? (events[0]?.id ?? part.lastId + 1) - 1 : lastId;
  for (const id of [...events.map((event) => event.id), Math.max(part.lastId, lastId) + 1]) {
    if (id <= last) throw notAscending(channel, last, part.lastId);
    if (id - last - 1 > MAX_GAP) throw tooFarApart(channel, last, id);
    last = id;
  }
  return { events, known };
}

function cameBackOlder(channel: string, after: number, lastId: number): EventsError {
  return new EventsError(
    'ServiceUnavailable',
    `Cannot import channel ${JSON.stringify(channel)}: expected the ids up to ${after}, which were brought, got those up to ${lastId}: the store came back older meanwhile`,
  );
}

function another(channel: string, id: number): EventsError {
  return new EventsError(
    'Conflict',
    `Cannot import channel ${JSON.stringify(channel)}: expected event ${id} of the store to be the one that is brought, got another, or none though its id was given`,
  );
}

function notAscending(channel: string, id: number, lastId: number): EventsError {
  return new EventsError(
    'Conflict',
    `Cannot import channel ${JSON.stringify(channel)}: expected ids that ascend, up to ${lastId}, got one behind event ${id} that does not`,
  );
}

function tooFarApart(channel: string, from: number, to: number): EventsError {
  return new EventsError(
    'Conflict',
    `Cannot import channel ${JSON.stringify(channel)}: expected at most ${MAX_GAP} ids without an event, got ${to - from - 1} behind id ${from}`,
  );
}
