import { FIRST_TIME_MS } from './limits.js';

/**
 * Where a consumer begins that has no saved cursor: with the first event, behind the newest one that there is now, or with the
 * first one that has this timestamp (milliseconds since the Unix epoch) or a later one.
 */
export type Start = 'first' | 'new' | number;

/** What a time is on the wire, for messages. */
export const TIME_RULE =
  'milliseconds since the Unix epoch, or an ISO 8601 time such as 2026-11-28T16:00:00Z';

/** What a start is on the wire, for messages. */
export const START_RULE = `first, new, ${TIME_RULE}`;

/** A start as it goes over the wire; undefined if it is none. */
export function parseStart(start: string): Start | undefined {
  if (start === 'first' || start === 'new') return start;
  return looksLikeSeconds(start) ? undefined : parseTime(start);
}

/** What is wrong with a start that `parseStart` does not read: what was expected. */
export function startExpected(start: string): string {
  return looksLikeSeconds(start)
    ? `milliseconds since the Unix epoch, from ${FIRST_TIME_MS} on (this looks like seconds)`
    : START_RULE;
}

/** Before any event that there can be: who means that says `first`. */
function looksLikeSeconds(start: string): boolean {
  return MILLISECONDS.test(start) && Number(start) < FIRST_TIME_MS;
}

const MILLISECONDS = /^(?:0|[1-9]\d{0,15})$/;

/** A day, in UTC, or a time that says its distance from UTC. */
const ISO_8601 = /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** A time as it goes over the wire, in milliseconds since the Unix epoch; undefined if it is none. */
export function parseTime(time: string): number | undefined {
  if (MILLISECONDS.test(time)) return Number(time);
  const [, day = ''] = ISO_8601.exec(time) ?? [];
  const parsed = day === '' ? Number.NaN : Date.parse(time);
  // `Date` takes the 30th of February for a day in March.
  if (Number.isNaN(parsed) || !new Date(`${day}T00:00Z`).toISOString().startsWith(day)) return undefined;
  return parsed;
}
