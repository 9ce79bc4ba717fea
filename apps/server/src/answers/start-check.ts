import { EventsError, parseStart, type Start, startExpected } from '@ganomede/events-protocol';

/**
 * Where a consumer without a saved cursor begins.
 *
 * @throws EventsError `InvalidContent` if it is no start, or there is an `after` beside it, which would be saved
 */
export function startOf({
  after,
  start: text,
}: {
  readonly after?: number | undefined;
  readonly start?: string | undefined;
}): Start | undefined {
  if (text === undefined) return undefined;
  const start = parseStart(text);
  if (start === undefined) {
    throw new EventsError(
      'InvalidContent',
      `Invalid start: expected ${startExpected(text)}, got ${JSON.stringify(text.slice(0, 60))}`,
    );
  }
  if (after === undefined) return start;
  throw new EventsError(
    'InvalidContent',
    'Invalid start: expected none beside after, which says where to read, got one',
  );
}
