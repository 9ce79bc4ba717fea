import type { FutureMark } from '@ganomede/events-store';

/** Stored as `<last id> <seen at>`. */
export function encodeFutureMark({ lastId, seenAt }: FutureMark): Buffer {
  return Buffer.from(`${lastId} ${seenAt}`);
}

export function decodeFutureMark(value: Buffer): FutureMark {
  const [lastId, seenAt] = value.toString('latin1').split(' ');
  return { lastId: Number(lastId), seenAt: Number(seenAt) };
}
