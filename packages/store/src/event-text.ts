import { type EventInput, EventsError } from '@ganomede/events-protocol';

/**
 * The part of an event's JSON text that its publisher decides, without the opening brace:
 * `"from":"users/v1","type":"add"}`. A store puts id and timestamp before it.
 *
 * @throws EventsError `InvalidContent` where the data has no JSON text (a cycle, a BigInt, nested too deeply).
 */
export function eventText({ from, type, data }: EventInput): string {
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
