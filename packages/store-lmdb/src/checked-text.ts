import { crc32 } from './crc32.js';

/** Begins a text that has a checksum. No digit, with which those from before there were checksums begin, nor near to one. */
const MARK = 0x00;
const HEADER_BYTES = 5;

/** A text with the CRC-32 (little endian) of itself and of what its place is called, so that one in the place of another is found. */
export function encodeChecked(text: string, place: string): Buffer {
  const value = Buffer.alloc(HEADER_BYTES + Buffer.byteLength(text));
  value[0] = MARK;
  value.write(text, HEADER_BYTES);
  value.writeUInt32LE(checksum(value, place), 1);
  return value;
}

/**
 * The text that was encoded for this place; undefined if it is not as it was. `former`: what texts without a checksum, from before
 * there was one, are like.
 */
export function decodeChecked(value: Buffer, place: string, former: RegExp): string | undefined {
  if (value[0] === MARK && value.length >= HEADER_BYTES) {
    const isAsItWas = value.readUInt32LE(1) === checksum(value, place);
    return isAsItWas ? value.toString('utf8', HEADER_BYTES) : undefined;
  }
  const text = value.toString('latin1');
  return former.test(text) ? text : undefined;
}

function checksum(value: Buffer, place: string): number {
  return crc32(value.subarray(HEADER_BYTES), crc32(Buffer.from(place), 0));
}
