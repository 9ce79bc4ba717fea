import { validateHeaderValue } from 'node:http';
import { FIRST_TIME_MS, IDEMPOTENCY_KEY_HEADER, parseStart, startExpected } from '@ganomede/events-protocol';

/** The error about an argument or an option that is not what it should be. */
export function wrong(name: string, expected: string, got: unknown): TypeError {
  return new TypeError(`Invalid ${name}: expected ${expected}, got ${described(got)}`);
}

function described(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') return String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
}

/** @throws TypeError if it is not a non-empty string */
export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') throw wrong(name, 'a non-empty string', value);
}

/** `fallback` if it is undefined. @throws TypeError if it is not an integer in this range */
export function integer(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw wrong(name, `an integer from ${min} to ${Math.floor(max)}`, value);
  }
  return value as number;
}

/** @throws TypeError if it is not a number of events */
export function checkLimit(limit: number | undefined, fallback: number): number {
  return integer('limit', limit, fallback, 1, Number.MAX_SAFE_INTEGER);
}

/** @throws TypeError if it is not the id of an event, or 0 */
export function checkAfter(after: number | undefined): number | undefined {
  return after === undefined ? undefined : integer('after', after, 0, 0, Number.MAX_SAFE_INTEGER);
}

/** @throws TypeError if it is not the id of an event, or 0 */
export function checkExpectedLastId(id: number | undefined): number | undefined {
  return id === undefined ? undefined : integer('expectedLastId', id, 0, 0, Number.MAX_SAFE_INTEGER);
}

/** What goes over the wire for a start. @throws TypeError if it is none */
export function checkStart(start: unknown): string | undefined {
  if (start === undefined) return undefined;
  const text = start instanceof Date ? textOfDate(start) : String(start);
  if (typeof start === 'boolean' || parseStart(text) === undefined) {
    throw wrong('start', startExpected(text), start);
  }
  return text;
}

/** Digits of long ago would be taken for seconds. */
function textOfDate(date: Date): string {
  return date.getTime() < FIRST_TIME_MS ? date.toISOString() : String(date.getTime());
}

/** @throws TypeError if it cannot be a header */
export function checkIdempotencyKey(key: unknown): asserts key is string {
  checkText('idempotencyKey', key);
  try {
    validateHeaderValue(IDEMPOTENCY_KEY_HEADER, key);
  } catch {
    throw wrong('idempotencyKey', 'characters that an HTTP header can carry', key);
  }
}
