/** What is known of an index. */
export interface IndexRecord {
  /** Stands for the channel and the field in the keys of its entries. */
  readonly number: number;
  /** Id of the last event that it has looked at. */
  readonly position: number;
}

/** Stored as `<number> <position>`. */
export function encodeIndex({ number, position }: IndexRecord): Buffer {
  return Buffer.from(`${number} ${position}`);
}

export function decodeIndex(value: Buffer): IndexRecord {
  const [number, position] = value.toString('latin1').split(' ');
  return { number: Number(number), position: Number(position) };
}
