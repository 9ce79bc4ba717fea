import { EventsError } from '@ganomede/events-protocol';

/** @throws EventsError `InvalidContent` if there is an epoch, but no id that it belongs to */
export function checkEpoch({
  after,
  epoch,
}: {
  readonly after?: number | undefined;
  readonly epoch?: string | undefined;
}): void {
  if (epoch === undefined || after !== undefined) return;
  throw new EventsError('InvalidContent', 'Invalid epoch: expected after beside it, got none');
}
