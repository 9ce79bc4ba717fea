import type { PlacedCursor, Unseen } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import type { Script } from './script.js';

export interface UnseenArgs {
  readonly keys: Keys;
  readonly channel: string;
  readonly cursors: readonly PlacedCursor[];
}

/** Of each cursor what lies ahead of it. */
export const unseen: Script<UnseenArgs, Unseen[]> = {
  name: 'unseen',

  encode({ keys, channel, cursors }) {
    const types = [...new Set(cursors.flatMap(({ type }) => type ?? []))];
    const { channel: hash, events, gaps } = keys.of(channel);
    // Lua counts from 1.
    const placed = cursors.map(({ type, after }) => [
      after,
      type === undefined ? 0 : types.indexOf(type) + 1,
    ]);
    return {
      keys: [hash, events, gaps, ...types.map((type) => keys.type(channel, type))],
      args: [JSON.stringify(placed)],
    };
  },

  decode: (reply: readonly (readonly [count: number, timestamp: string | null])[]) =>
    reply.map(([count, timestamp]) => ({
      count,
      timestamp: timestamp === null ? undefined : Number(timestamp),
    })),
};
