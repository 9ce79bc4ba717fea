import { eventText } from '@ganomede/events-store';
import { crc32 } from './crc32.js';

/** Ends an event with a checksum. One without, as before format 4, ends with `}`. */
const MARK = 0x00;
const CHECKSUM_BYTES = 4;
const TRAILER = '\0'.repeat(CHECKSUM_BYTES + 1);

export interface StoredEvent {
  /** Its JSON text. */
  readonly json: Buffer;
  /** What is stored: the text, the CRC-32 of it (little endian), and a mark. */
  readonly value: Buffer;
}

/** `rest` is a `SerialisedEvent`'s text. */
export function encodeEvent(channelNumber: number, id: number, timestamp: number, rest: string): StoredEvent {
  const value = eventText(id, timestamp, rest + TRAILER);
  const json = value.subarray(0, -TRAILER.length);
  value.writeUInt32LE(checksum(channelNumber, id, json), json.length);
  return { json, value };
}

/**
 * The JSON text of a stored event. `value`: what its key has.
 *
 * @throws Error that names the id if it is missing, or is not what was stored under this key
 */
export function decodeEvent(channelNumber: number, id: number, value: Buffer | undefined): Buffer {
  if (value === undefined) throw new Error(`events.mdb is damaged: event ${id} is missing`);
  if (value.at(-1) === CLOSING_BRACE) return value;
  const json = value.subarray(0, -TRAILER.length);
  if (
    value.at(-1) === MARK &&
    value.length > TRAILER.length &&
    value.readUInt32LE(json.length) === checksum(channelNumber, id, json)
  ) {
    return json;
  }
  throw new Error(`events.mdb is damaged: event ${id} is not as it was stored`);
}

const CLOSING_BRACE = 0x7d;

/** An event that has got into the place of another is found out too. */
function checksum(channelNumber: number, id: number, json: Buffer): number {
  return crc32(json, (channelNumber * 0x9e3779b1 + id) >>> 0);
}
