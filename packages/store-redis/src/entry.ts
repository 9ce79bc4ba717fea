/** Of the list of a channel's events: an event, or the id alone, as text, if no event has it (see import-events.lua). */

const OPEN = 0x7b;
const HEAD = /^(?:\{"id":)?(\d+)/;
/** Longer than the head of any. */
const HEAD_BYTES = 32;

/** Whether an entry is an event. */
export function isEvent(entry: Buffer): boolean {
  return entry[0] === OPEN;
}

/** The id that an entry is about; NaN if it is none. */
export function idOfEntry(entry: Buffer): number {
  return Number(HEAD.exec(entry.toString('latin1', 0, HEAD_BYTES))?.[1] ?? Number.NaN);
}
