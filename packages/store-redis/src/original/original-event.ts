import { filedType } from '@ganomede/events-store';
import type { StoredText } from './original-redis.js';

/** An event of the original, as this project stores it but for its id. */
export interface OriginalEvent {
  readonly id: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  /** As in `SerialisedEvent`. */
  readonly text: string;
  /** The type that it is to be filed under; undefined for none. */
  readonly filed: string | undefined;
}

/**
 * Reads an event that is stored in the channel `name`.
 *
 * @returns the event, or why it is none, in words
 */
export function parseOriginalEvent(
  { id, key, text }: StoredText,
  name: string,
  typedChannels: boolean,
): OriginalEvent | string {
  if (!Number.isInteger(id)) return `expected an integer as its id, got ${id}`;
  if (key !== `${name}:${id}`) return `expected the key ${JSON.stringify(`${name}:${id}`)}`;
  if (text === null) return 'nothing is stored there';
  const event = parse(text);
  if (event === undefined) return 'expected an event as JSON text';
  const { id: ownId, timestamp, from, type, ...rest } = event;
  if (ownId !== id) return `expected the id ${id}, got ${JSON.stringify(ownId)}`;
  if (!isTime(timestamp)) return `expected a timestamp, got ${JSON.stringify(timestamp)}`;
  if (!isText(from) || !isText(type)) return 'expected from and type, non-empty strings';
  const head = `"from":${JSON.stringify(from)},"type":${JSON.stringify(type)}`;
  return {
    id,
    timestamp,
    // The data, and whatever else consumers have been given.
    text: Object.keys(rest).length === 0 ? `${head}}` : `${head},${JSON.stringify(rest).slice(1)}`,
    filed: filedType(name, { from, type }, typedChannels),
  };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
