import type { IndexKeys } from '../keys.js';
import type { Script } from './script.js';

export interface TrimIndexArgs {
  /** The key of the channel's hash. */
  readonly channel: string;
  readonly keys: IndexKeys;
  /** Those that the index begins with, as they are in its order. */
  readonly entries: readonly string[];
}

/** How many entries were removed. */
export const trimIndex: Script<TrimIndexArgs, number> = {
  name: 'trim-index',

  encode: ({ channel, keys, entries }) => ({
    keys: [channel, keys.order, ...entries.map((entry) => keys.value(entry.slice(entry.indexOf(' ') + 1)))],
    args: [JSON.stringify(entries)],
  }),

  decode: (reply: number) => reply,
};
