import type { ChannelKeys } from '../keys.js';
import type { Script } from './script.js';

/** The keys of the channel. Whether there ever was one. */
export const deleteChannel: Script<ChannelKeys, boolean> = {
  name: 'delete-channel',
  numberOfKeys: 2,
  encode: ({ channel, events }) => ({ keys: [channel, events], args: [] }),
  decode: (reply: number) => reply === 1,
};
