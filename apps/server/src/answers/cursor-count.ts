import { EventsError, MAX_CURSORS } from '@ganomede/events-protocol';

/** @throws EventsError `PayloadTooLarge` */
export function checkCursorCount({ length }: readonly unknown[]): void {
  if (length <= MAX_CURSORS) return;
  throw new EventsError(
    'PayloadTooLarge',
    `Invalid cursors: expected at most ${MAX_CURSORS} cursors, got ${length}`,
  );
}
