import type { ChannelEnd } from '@ganomede/events-store';
import type { Script } from './script.js';

/** Takes the keys of the channels' hashes; where each channel ends, undefined if that is no channel. */
export const channelEnds: Script<readonly string[], (ChannelEnd | undefined)[]> = {
  name: 'channel-ends',
  encode: (keys) => ({ keys, args: [] }),
  decode: (reply: readonly (readonly [lastId: string, epoch: string] | null)[]) =>
    reply.map((end) => (end === null ? undefined : { lastId: Number(end[0]), epoch: end[1] })),
};
