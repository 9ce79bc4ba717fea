import { type EventInput, EventsError } from '@ganomede/events-protocol';

/**
 * The part of an event's JSON text that its publisher decides, without the opening brace:
 * `"from":"users/v1","type":"add"}`. A store puts id and timestamp before it.
 *
 * @throws EventsError `InvalidContent` where `from` or `type` is no non-empty string, `data` is neither an object
 * nor an array, or has no JSON text (a cycle, a BigInt, nested too deeply).
 */
export function eventText({ from, type, data }: EventInput): string {
  assertText('from', from);
  assertText('type', type);
  if (data !== undefined && (typeof data !== 'object' || data === null)) {
    throw new EventsError(
      'InvalidContent',
      `Invalid data: expected an object or an array, got ${String(data)}`,
    );
  }
  try {
    return JSON.stringify({ from, type, data }).slice(1);
  } catch (cause) {
    const reason = cause instanceof RangeError ? 'nested too deeply' : (cause as Error).message;
    throw new EventsError(
      'InvalidContent',
      `Invalid data: expected something with a JSON text, got ${reason}`,
      {
        cause,
      },
    );
  }
}

function assertText(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  const came = typeof value === 'string' ? 'an empty one' : value === null ? 'null' : typeof value;
  throw new EventsError('InvalidContent', `Invalid ${name}: expected a non-empty string, got ${came}`);
}
