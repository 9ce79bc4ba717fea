import { createHash } from 'node:crypto';
import { NAME_PATTERN } from '@ganomede/events-protocol';

/** Longest value that is part of a key as it is, in UTF-16 code units. */
const MAX_PLAIN_LENGTH = 128;

const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/**
 * What an event is found by in an index of `field`, a path such as `data.username`: a string as it is, a number or
 * a boolean by its JSON text. Undefined if the path leads nowhere, or to anything else. It leads through own
 * properties, and through the elements of arrays by their numbers.
 */
export function indexedValue(event: unknown, field: string): string | undefined {
  let value = event;
  for (const name of field.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value) && !ARRAY_INDEX.test(name)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? JSON.stringify(value) : undefined;
}

/**
 * Stands for a value in the keys of a store: at most 129 characters, different for different values. `=` and the
 * value, or `#` and its hash if it is long or holds what not every store keeps.
 */
export function indexKey(value: string): string {
  if (value.length <= MAX_PLAIN_LENGTH && NAME_PATTERN.test(value)) return `=${value}`;
  return `#${createHash('sha256').update(JSON.stringify(value)).digest('base64url')}`;
}
