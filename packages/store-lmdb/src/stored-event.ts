import { eventText } from '@ganomede/events-store';
import { crc32 } from './crc32.js';

/** Stands between the text and its checksum. No JSON text has it, and no event of before format 4, which is the text alone. */
const MARK = 0x00;
const CHECKSUM_BYTES = 4;
const TRAILER = '\0'.repeat(1 + CHECKSUM_BYTES);
const CLOSING_BRACE = 0x7d;

/** The CRC-32 of anything that is followed by its own, whatever it was begun at. */
const RESIDUE = 0x2144df1c;

export interface StoredEvent {
  /** Its JSON text. */
  readonly json: Buffer;
  /** What is stored: the text, a mark, and the CRC-32 of both (little endian). */
  readonly value: Buffer;
}

/** `rest` is a `SerialisedEvent`'s text. */
export function encodeEvent(channelNumber: number, id: number, timestamp: number, rest: string): StoredEvent {
  const value = sealed(channelNumber, id, eventText(id, timestamp, rest + TRAILER));
  return { json: value.subarray(0, -TRAILER.length), value };
}

/** The same for an event that has its text already. */
export function encodeJson(channelNumber: number, id: number, json: Buffer): Buffer {
  return sealed(channelNumber, id, Buffer.concat([json, Buffer.from(TRAILER)]));
}

/** Fills in the checksum. */
function sealed(channelNumber: number, id: number, value: Buffer): Buffer {
  const checked = value.length - CHECKSUM_BYTES;
  value.writeUInt32LE(crc32(value.subarray(0, checked), placeOf(channelNumber, id)), checked);
  return value;
}

/**
 * A copy of the JSON text of a stored event. `value`: what its key has.
 *
 * @throws Error that names the id if it is missing, or is not what was stored under this key
 */
export function decodeEvent(channelNumber: number, id: number, value: Buffer | undefined): Buffer {
  if (value === undefined) throw new Error(`events.mdb is damaged: event ${id} is missing`);
  const end = value.length - TRAILER.length;
  if (value[end] === MARK) {
    if (crc32(value, placeOf(channelNumber, id)) === RESIDUE) return copy(value, end);
  } else if (value.at(-1) === CLOSING_BRACE && !hasLostMark(value, placeOf(channelNumber, id))) {
    return copy(value, value.length);
  }
  throw new Error(`events.mdb is damaged: event ${id} is not as it was stored`);
}

/** Whether it is no text of format 3, but one with a checksum whose mark is damaged. */
function hasLostMark(value: Buffer, place: number): boolean {
  if (value.includes(MARK)) return true;
  const marked = Buffer.from(value);
  marked[value.length - TRAILER.length] = MARK;
  return crc32(marked, place) === RESIDUE;
}

/** Of the first bytes of a value, without another view of it. */
function copy(value: Buffer, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  value.copy(bytes, 0, 0, length);
  return bytes;
}

/** What the checksum is begun at: an event that has got into the place of another is found out too. */
function placeOf(channelNumber: number, id: number): number {
  return (channelNumber * 0x9e3779b1 + id) >>> 0;
}
