import type { IndexStep } from '@ganomede/events-store';
import type { IndexKeys } from '../keys.js';
import type { Script } from './script.js';

export interface AdvanceIndexArgs {
  /** The key of the channel's hash. */
  readonly channel: string;
  readonly keys: IndexKeys;
  readonly step: IndexStep;
}

/** The progress of the index as it is then. */
export const advanceIndex: Script<AdvanceIndexArgs, number> = {
  name: 'advance-index',

  encode({ channel, keys, step: { from, to, entries, redactions } }) {
    // Lua counts from 1.
    const values = new Map<string, number>();
    const numbered = entries.map(({ id, key }) => {
      const number = values.get(key) ?? values.size + 1;
      values.set(key, number);
      return [id, number];
    });
    const all = [...values.keys()];
    return {
      keys: [keys.progress, channel, keys.order, ...all.map((value) => keys.value(value))],
      args: [JSON.stringify({ from, to, redactions, values: all, entries: numbered })],
    };
  },

  decode: (reply: number) => reply,
};
