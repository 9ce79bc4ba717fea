import type { ChannelEnd } from '@ganomede/events-store';
import { parseEnd } from '../channel-bounds.js';
import type { Script } from './script.js';

/** Takes the keys of the channels' hashes; where each channel ends, undefined if that is no channel. */
export const channelEnds: Script<readonly string[], (ChannelEnd | undefined)[]> = {
  name: 'channel-ends',
  encode: (keys) => ({ keys, args: [] }),
  decode: (reply: readonly (readonly (string | null)[] | null)[]) =>
    reply.map((fields) => (fields === null ? undefined : parseEnd(fields))),
};
