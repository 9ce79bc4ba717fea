import type { Keys } from '../keys.js';
import type { Script } from './script.js';

export interface SaveCursorsArgs {
  readonly keys: Keys;
  readonly channel: string;
  readonly type: string | undefined;
  /** ClientIds and the last event that each has seen. */
  readonly cursors: ReadonlyMap<string, number>;
}

/** How many cursors are elsewhere now. */
export const saveCursors: Script<SaveCursorsArgs, number> = {
  name: 'save-cursors',
  numberOfKeys: 2,

  encode: ({ keys, channel, type, cursors }) => ({
    keys: [keys.cursors(channel, type), keys.consumerTypes(channel)],
    args: [
      JSON.stringify({
        type: type ?? '',
        clients: [...cursors.keys()],
        // Redis compares them with what it has, which is text.
        afters: [...cursors.values()].map(String),
      }),
    ],
  }),

  decode: (reply: number) => reply,
};
