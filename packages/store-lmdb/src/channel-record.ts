/** What is known of a channel. */
export interface ChannelRecord {
  /** Stands for the name in the keys of its events. */
  readonly number: number;
  /** Newest id given. The oldest event has id 1: nothing is ever forgotten. */
  readonly lastId: number;
}

/** Stored as `<number> <lastId>`. */
export function encodeChannel({ number, lastId }: ChannelRecord): Buffer {
  return Buffer.from(`${number} ${lastId}`);
}

export function decodeChannel(value: Buffer): ChannelRecord {
  const [number, lastId] = value.toString('latin1').split(' ');
  return { number: Number(number), lastId: Number(lastId) };
}
