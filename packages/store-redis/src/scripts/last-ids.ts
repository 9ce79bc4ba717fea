import type { Script } from './script.js';

/** Takes the keys of the channels' hashes; the newest id of each, undefined if that is no channel. */
export const lastIds: Script<readonly string[], (number | undefined)[]> = {
  name: 'last-ids',
  encode: (keys) => ({ keys, args: [] }),
  decode: (reply: readonly (string | null)[]) => reply.map((id) => (id === null ? undefined : Number(id))),
};
