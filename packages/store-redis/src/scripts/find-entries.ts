import type { Script } from './script.js';

export interface FindEntriesArgs {
  /** The key of the index's order. */
  readonly order: string;
  readonly ids: readonly number[];
}

/** Of each event by which value it is found; empty if by none. */
export const findEntries: Script<FindEntriesArgs, string[]> = {
  name: 'find-entries',
  numberOfKeys: 1,
  encode: ({ order, ids }) => ({ keys: [order], args: [JSON.stringify(ids)] }),
  decode: (reply: string[]) => reply,
};
