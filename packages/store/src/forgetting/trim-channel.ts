import { EventsError } from '@ganomede/events-protocol';
import type { ChannelScope, Storage, TrimLimits } from '../storage.js';
import { indicesOf, trimIndex } from './indices-of.js';
import { unknownChannel } from './unknown-channel.js';

/** What lies before this goes: an id, or a time in milliseconds since the Unix epoch. */
export type TrimPoint = { readonly id: number } | { readonly timestamp: number };

/** What a channel keeps. */
export interface KeptEvents {
  /** Id of the oldest event; 0 if there is none. */
  readonly firstId: number;
  /** Newest id given. */
  readonly lastId: number;
}

/**
 * Drops the events of a channel that lie before an id or a time, and what its indices have of them.
 *
 * @throws EventsError (as a rejection) `ResourceNotFound` if there is no such channel, `InvalidContent` if the time is still to come
 */
export async function trimChannel(
  storage: Pick<Storage, 'scan' | 'channels' | 'indices' | 'clock'>,
  channel: string,
  before: TrimPoint,
  scopeOf: (name: string) => ChannelScope,
  signal: AbortSignal,
): Promise<KeptEvents> {
  const limits = limitsOf(before, (await storage.clock?.()) ?? Date.now());
  await storage.channels.trim(channel, limits, signal);
  // Below the first id there is nothing: it is for the bounds.
  const { firstId, lastId } = await storage.scan({ channel, type: undefined, before: 1, limit: 1 });
  if (lastId === 0) throw unknownChannel(channel);
  for (const index of await indicesOf(storage, channel, scopeOf)) await trimIndex(storage, index);
  return { firstId, lastId };
}

function limitsOf(before: TrimPoint, now: number): TrimLimits {
  if ('id' in before) return { firstId: before.id, maxEvents: 0, maxAgeMs: 0, now };
  const maxAgeMs = now - before.timestamp;
  if (maxAgeMs >= 1) return { maxEvents: 0, maxAgeMs, now };
  throw new EventsError(
    'InvalidContent',
    `Invalid before: expected a time in the past, got one that is ${-maxAgeMs} ms ahead of the store`,
  );
}
