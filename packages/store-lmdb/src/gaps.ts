import { decodeChecked, encodeChecked } from './checked-text.js';
import type { Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { gapKey, type Key } from './keys.js';

/** Ids in a row that no event of a channel has: an import has left them out. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** How many ids of the channel lie in gaps up to the end of this one, those of dropped gaps too. */
  readonly total: number;
}

/** The gap that an id lies in; undefined if it lies in none. */
export function gapAt(database: Database, channelNumber: number, id: number): Gap | undefined {
  const gap = nextGap(database, channelNumber, id);
  return gap && gap.from <= id ? gap : undefined;
}

/** How many ids of a channel lie in gaps up to an id, those of dropped gaps too. */
export function idsInGaps(database: Database, channelNumber: number, upTo: number): number {
  const next = nextGap(database, channelNumber, upTo + 1);
  if (next === undefined) return lastGap(database, channelNumber)?.total ?? 0;
  return next.total - (next.to - Math.max(next.from, upTo + 1) + 1);
}

/** Notes that ids have no event, behind all that are noted. */
export function addGap(
  { database, draft }: { readonly database: Database; readonly draft: Draft },
  channelNumber: number,
  range: { readonly from: number; readonly to: number },
  before: Gap | undefined = lastGap(database, channelNumber),
): Gap {
  const { from, to } = range;
  const gap = { from, to, total: (before?.total ?? 0) + to - from + 1 };
  const key = gapKey(channelNumber, to);
  draft.add(key, encodeChecked(`${from} ${gap.total}`, JSON.stringify(key)));
  return gap;
}

/** The first one that ends at an id or behind it. */
function nextGap(database: Database, channelNumber: number, id: number): Gap | undefined {
  for (const { key, value } of database.range(gapKey(channelNumber, id), gapsEnd(channelNumber), 1)) {
    return decodeGap(key, value);
  }
  return undefined;
}

function lastGap(database: Database, channelNumber: number): Gap | undefined {
  for (const { key, value } of database.rangeBackward(gapsEnd(channelNumber), gapKey(channelNumber, 0))) {
    return decodeGap(key, value);
  }
  return undefined;
}

/** @throws Error if it is not what was stored under this key */
function decodeGap(key: Key, value: Buffer): Gap {
  // There are none without a checksum.
  const text = decodeChecked(value, JSON.stringify(key), /(?!)/);
  if (text === undefined) {
    throw new Error(`events.mdb is damaged: what is noted of the ids up to ${key[2]} is not as it was stored`);
  }
  const [from, total] = text.split(' ');
  return { from: Number(from), to: Number(key[2]), total: Number(total) };
}

function gapsEnd(channelNumber: number): Key {
  return gapKey(channelNumber, Number.MAX_SAFE_INTEGER);
}
