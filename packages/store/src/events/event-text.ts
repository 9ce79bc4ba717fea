/**
 * The JSON text of a stored event: what the store gives it comes first, so that it can be read without parsing the rest.
 * `rest` is a `SerialisedEvent`'s text. The append script of the Redis engine composes it likewise.
 */
export function eventText(id: number, timestamp: number, rest: string): Buffer {
  return Buffer.from(`{"id":${id},"timestamp":${timestamp},${rest}`);
}

const HEAD = /^\{"id":(\d+),"timestamp":(\d+),/;
/** Longer than any head. */
const HEAD_BYTES = 64;

/** The id and the timestamp (milliseconds since the Unix epoch) of a stored event; NaN if it is none. */
export function headerOf(text: Buffer): { id: number; timestamp: number } {
  const head = HEAD.exec(text.toString('latin1', 0, HEAD_BYTES));
  return { id: Number(head?.[1] ?? Number.NaN), timestamp: Number(head?.[2] ?? Number.NaN) };
}
