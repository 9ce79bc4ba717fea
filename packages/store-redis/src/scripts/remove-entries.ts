import type { IndexKeys } from '../keys.js';
import type { Script } from './script.js';

export interface RemoveEntriesArgs {
  readonly keys: IndexKeys;
  /** Events, and by which value each is found. */
  readonly entries: readonly { readonly id: number; readonly value: string }[];
}

/** How many of them are done, one at least. */
export const removeEntries: Script<RemoveEntriesArgs, number> = {
  name: 'remove-entries',

  encode: ({ keys, entries }) => ({
    keys: [keys.order, ...entries.map(({ value }) => keys.value(value))],
    args: [JSON.stringify(entries.map(({ id, value }) => `${id} ${value}`))],
  }),

  decode: (reply: number) => reply,
};
