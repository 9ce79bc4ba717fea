import type { ChannelKeys } from '../keys.js';
import type { Script } from './script.js';

/** The keys of the channel. Resolves with the oldest id that it keeps now, undefined if there is no channel. */
export const mendChannel: Script<ChannelKeys, number | undefined> = {
  name: 'mend-channel',
  numberOfKeys: 2,
  encode: ({ channel, events }) => ({ keys: [channel, events], args: [] }),
  decode: (reply: number | null) => reply ?? undefined,
};
