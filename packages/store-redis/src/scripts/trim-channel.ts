import type { TrimLimits } from '@ganomede/events-store';
import type { ChannelKeys } from '../keys.js';
import type { Script } from './script.js';

export interface TrimChannelArgs extends TrimLimits {
  readonly keys: ChannelKeys;
  readonly maxDropped: number;
  /** If type lists were trimmed meanwhile: they hold no ids below this one. */
  readonly typesTrimmedTo: number | undefined;
}

/** `to-mend`: see mend-channel.lua. Undefined if there is no channel. */
export type TrimmedChannel =
  | {
      /** How many events were. */
      readonly dropped: number;
      /** Oldest id kept; above the last if nothing is. */
      readonly firstId: number;
      /** Whether type lists may hold ids below it. */
      readonly typesBehind: boolean;
    }
  | 'to-mend'
  | undefined;

type Reply =
  | readonly ['to-mend']
  | readonly ['no-channel']
  | readonly ['trimmed', dropped: number, firstId: number, typesBehind: 0 | 1];

/** Notifies what it has dropped. */
export const trimChannel: Script<TrimChannelArgs, TrimmedChannel> = {
  name: 'trim-channel',
  numberOfKeys: 3,

  encode: ({ keys: { channel, events, gaps }, firstId, maxEvents, maxAgeMs, now, maxDropped, typesTrimmedTo }) => ({
    keys: [channel, events, gaps],
    args: [JSON.stringify({ firstId, maxEvents, maxAgeMs, now, maxDropped, typesTrimmedTo })],
  }),

  decode(reply: Reply) {
    if (reply[0] === 'no-channel') return undefined;
    if (reply[0] === 'to-mend') return 'to-mend';
    const [, dropped, firstId, typesBehind] = reply;
    return { dropped, firstId, typesBehind: typesBehind === 1 };
  },
};
