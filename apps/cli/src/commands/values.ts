// What stands on the command line, as what it means. What cannot be read is an InvalidArgumentError that says what was expected.
import { parseTime } from '@ganomede/events-protocol';
import { InvalidArgumentError } from 'commander';

const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `15m`, `2h`, `7d`: in milliseconds. */
export function durationValue(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('Expected a duration such as 90s, 15m, 2h or 7d.');
  return ms;
}

function durationMs(text: string): number | undefined {
  const [, count, unit] = DURATION.exec(text) ?? [];
  return unit === undefined ? undefined : Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

/** A time, or how long ago it was. */
export function timeValue(text: string): Date {
  const agoMs = durationMs(text);
  const ms = agoMs === undefined ? parseTime(text) : Date.now() - agoMs;
  if (ms === undefined) {
    throw new InvalidArgumentError(
      'Expected a time such as 2026-11-28T16:00:00Z, or how long ago, such as 15m or 2h.',
    );
  }
  return new Date(ms);
}

/** An integer from 1. */
export function countValue(text: string): number {
  const count = integerOf(text);
  if (count === undefined || count === 0) throw new InvalidArgumentError('Expected an integer from 1.');
  return count;
}

/** The id of an event, or 0. */
export function idValue(text: string): number {
  const id = integerOf(text);
  if (id === undefined) throw new InvalidArgumentError('Expected the id of an event.');
  return id;
}

function integerOf(text: string): number | undefined {
  const integer = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(integer) ? integer : undefined;
}

/** Most ids that ranges of a command line may stand for. */
const MAX_IDS = 1_000_000;

/** Ids and ranges of them, `7` and `10-19`, ascending and each once. For arguments that may be repeated. */
export function idsValue(text: string, others: readonly number[] = []): number[] {
  const [, from, to = from] = /^(\d{1,16})(?:-(\d{1,16}))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === undefined || !(first >= 1 && first <= last && Number.isSafeInteger(last)))
    throw new InvalidArgumentError('Expected ids of events, or ranges such as 10-19.');
  if (last - first + others.length >= MAX_IDS)
    throw new InvalidArgumentError(`Expected at most ${MAX_IDS} ids.`);
  const ids = new Set(others);
  for (let id = first; id <= last; id++) ids.add(id);
  return [...ids].sort((a, b) => a - b);
}

/** A text with commas, `read,observe`; may be repeated. */
export function listValue(text: string, others: readonly string[] = []): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('Expected names with commas between them.');
  return [...others, ...names];
}

/** A text that is not empty. */
export function nameValue(text: string): string {
  if (text === '') throw new InvalidArgumentError('Expected a text that is not empty.');
  return text;
}
