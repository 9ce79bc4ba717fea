import type { EntryRecord } from './group-records.js';
import { type EndedDelivery, MAX_KEPT_DELIVERIES, MAX_KEPT_REASON } from './group-storage.js';

/** The event with one more delivery that has ended, its latest. */
export function endDelivery(
  entry: EntryRecord,
  { endedAt, outcome, reason }: Pick<EndedDelivery, 'endedAt' | 'outcome' | 'reason'>,
): EntryRecord {
  const { state, count, clientId, firstDeliveredAt, deliveries = [] } = entry;
  const { deliveredAt = count === 1 ? firstDeliveredAt : undefined } = entry;
  // A worker that is late says it of the delivery whose lease has ended.
  const before = state === 'leased' ? deliveries : deliveries.slice(0, -1);
  const ended = { deliveredAt, endedAt, clientId, outcome, reason: reason ? cut(reason) : undefined };
  return { ...entry, deliveries: [...before, ended].slice(-MAX_KEPT_DELIVERIES) };
}

/** No character of it is cut in two. */
function cut(reason: string): string {
  const text = Buffer.from(reason);
  if (text.length <= MAX_KEPT_REASON) return reason;
  let end = MAX_KEPT_REASON;
  while (isContinued(text[end])) end--;
  return text.toString('utf8', 0, end);
}

/** Whether a byte of UTF-8 is not the first of its character. */
function isContinued(byte = 0): boolean {
  return byte >> 6 === 0b10;
}
