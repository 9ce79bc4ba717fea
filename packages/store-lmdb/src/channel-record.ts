/** What is known of a channel. */
export interface ChannelRecord {
  /** Stands for the name in the keys of its events. */
  readonly number: number;
  /** Oldest id kept; one above the newest where no event is. */
  readonly firstId: number;
  /** Newest id given. */
  readonly lastId: number;
}

/** Stored as `<number> <lastId> <firstId>`. */
export function encodeChannel({ number, firstId, lastId }: ChannelRecord): Buffer {
  return Buffer.from(`${number} ${lastId} ${firstId}`);
}

export function decodeChannel(value: Buffer): ChannelRecord {
  // The first id came later: without it nothing was ever dropped.
  const [number, lastId, firstId = 1] = value.toString('latin1').split(' ');
  return { number: Number(number), firstId: Number(firstId), lastId: Number(lastId) };
}
