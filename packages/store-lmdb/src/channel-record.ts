/** What is known of a channel. */
export interface ChannelRecord {
  /** Stands for the name in the keys of its events. */
  readonly number: number;
  /** Oldest id kept; one above the newest where no event is. */
  readonly firstId: number;
  /** Newest id given. */
  readonly lastId: number;
  /** Newest timestamp given: a clock that steps back does not take the events with it. */
  readonly time: number;
}

/** Stored as `<number> <lastId> <firstId> <time>`. */
export function encodeChannel({ number, firstId, lastId, time }: ChannelRecord): Buffer {
  return Buffer.from(`${number} ${lastId} ${firstId} ${time}`);
}

export function decodeChannel(value: Buffer): ChannelRecord {
  const [number, lastId, firstId, time] = value.toString('latin1').split(' ').map(Number);
  return { number: number ?? 0, firstId: firstId ?? 1, lastId: lastId ?? 0, time: time ?? 0 };
}
