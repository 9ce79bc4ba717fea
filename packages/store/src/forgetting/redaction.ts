import type { Event } from '@ganomede/events-protocol';

/** What stands in the place of an event once what its publisher said in it is to be forgotten. */
export interface Redaction {
  readonly id: number;
  readonly timestamp: number;
  /** What is kept of its JSON text, see `SerialisedEvent`: `"from":"users/v1","type":"add"`. */
  readonly kept: string;
}

/** What a redacted event ends with. The redact script of the Redis engine writes it too. */
const ENDING = ',"redacted":true}';
const ENDING_BYTES = Buffer.from(ENDING);

export function redactionOf({ id, timestamp, from, type }: Event): Redaction {
  return { id, timestamp, kept: `"from":${JSON.stringify(from)},"type":${JSON.stringify(type)}` };
}

/** Whether the JSON text of an event is that of a redacted one. */
export function isRedacted(text: Buffer): boolean {
  return text.subarray(-ENDING.length).equals(ENDING_BYTES);
}

/** What the JSON text of the event begins with, before and after: if another one does not, it is another event. */
export function redactedHead({ id, timestamp, kept }: Redaction): string {
  return `{"id":${id},"timestamp":${timestamp},${kept}`;
}

/** As the text of a `SerialisedEvent`. */
export function redactedText({ kept }: Redaction): string {
  return kept + ENDING;
}
