import type { ChannelKeys } from '../keys.js';
import type { Script } from './script.js';

export interface TrimTypeArgs {
  readonly keys: ChannelKeys;
  readonly type: string;
  /** The key of its list. */
  readonly list: string;
  readonly maxDropped: number;
}

/** How many ids were dropped. */
export const trimType: Script<TrimTypeArgs, number> = {
  name: 'trim-type',
  numberOfKeys: 3,

  encode: ({ keys: { channel, types }, type, list, maxDropped }) => ({
    keys: [channel, types, list],
    args: [JSON.stringify({ type, maxDropped })],
  }),

  decode: (reply: number) => reply,
};
