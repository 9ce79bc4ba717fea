import { findCursor } from '../api/events-api.js';
import { timeOf } from './time-of.js';

/** The bounds of a channel, and the id in front of a place in it. */
interface Found {
  readonly after: number;
  readonly firstId: number;
  readonly lastId: number;
}

/**
 * Where the event of an id, or the first event at or after a time, is in a channel.
 *
 * @throws RangeError if the text is neither an id nor a time; ApiError
 */
export async function findMoment(channel: string, text: string): Promise<Found | { readonly after: number }> {
  const wanted = text.trim();
  if (/^\d{1,12}$/.test(wanted)) return { after: Number(wanted) - 1 };
  const time = timeOf(wanted, new Date());
  if (Number.isNaN(time)) {
    throw new RangeError(`“${wanted}” is neither an id nor a time such as 16:00 or 2026-11-28 16:00.`);
  }
  return findCursor(channel, time);
}
