/** What is known of an index. */
export interface IndexRecord {
  /** Stands for the channel and the field in the keys of its entries. */
  readonly number: number;
  /** Id of the last event that it has looked at. */
  readonly progress: number;
}

/** Stored as `<number> <progress>`. */
export function encodeIndex({ number, progress }: IndexRecord): Buffer {
  return Buffer.from(`${number} ${progress}`);
}

export function decodeIndex(value: Buffer): IndexRecord {
  const [number, progress] = value.toString('latin1').split(' ');
  return { number: Number(number), progress: Number(progress) };
}
