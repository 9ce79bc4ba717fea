import type { ChannelKeys } from '../keys.js';
import type { Script } from './script.js';

/** The keys of the channel. Whether there ever was one. */
export const deleteChannel: Script<ChannelKeys, boolean> = {
  name: 'delete-channel',
  numberOfKeys: 3,
  encode: ({ channel, events, gaps }) => ({ keys: [channel, events, gaps], args: [] }),
  decode: (reply: number) => reply === 1,
};
