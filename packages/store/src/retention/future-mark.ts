import { SETTLED_MS } from '../clock/timestamps.js';
import type { TrimLimits } from '../storage.js';

/**
 * Remembered of a channel that has timestamps of the future, given while the clock was ahead: they tell no age, so it counts from
 * when a sweep saw them first. The append script and the trim script of the Redis engine do likewise.
 */
export interface FutureMark {
  /** When they were seen first, milliseconds since the Unix epoch. */
  readonly seenAt: number;
  /** The newest event that was there. */
  readonly lastId: number;
}

/** What is known of a channel that holds something. */
interface Kept {
  readonly firstId: number;
  readonly lastId: number;
  /** Timestamps of its oldest and its newest event. */
  readonly timestamps: readonly number[];
}

/** The mark of a channel from now on; `known` is the one that it has. */
export function futureMark(
  known: FutureMark | undefined,
  { firstId, lastId, timestamps }: Kept,
  now: number,
): FutureMark | undefined {
  // One from the future itself was made while the clock was ahead.
  if (known && known.lastId >= firstId && known.seenAt <= now) return known;
  return timestamps.some((timestamp) => isAhead(timestamp, now)) ? { seenAt: now, lastId } : undefined;
}

/** Whether an event is older than the limits allow. */
export function isTooOld(
  { id, timestamp }: { readonly id: number; readonly timestamp: number },
  mark: FutureMark | undefined,
  { maxAgeMs, now }: TrimLimits,
): boolean {
  if (maxAgeMs === 0) return false;
  const oldest = now - maxAgeMs;
  if (timestamp < oldest) return true;
  return mark !== undefined && isAhead(timestamp, now) && id <= mark.lastId && mark.seenAt < oldest;
}

function isAhead(timestamp: number, now: number): boolean {
  return timestamp - now > SETTLED_MS;
}
