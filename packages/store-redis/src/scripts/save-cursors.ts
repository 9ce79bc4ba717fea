import type { Keys } from '../keys.js';
import type { Script } from './script.js';

export interface SaveCursorsArgs {
  readonly keys: Keys;
  readonly channel: string;
  readonly type: string | undefined;
  /** By clientId. */
  readonly cursors: ReadonlyMap<string, NewCursor>;
}

export interface NewCursor {
  /** The last event that it has seen. */
  readonly after: number;
  /** Undefined: the one that it has. */
  readonly epoch: string | undefined;
}

/** The epoch that each has now, by clientId; of those without one it is undefined. */
export const saveCursors: Script<SaveCursorsArgs, ReadonlyMap<string, string | undefined>> = {
  name: 'save-cursors',
  numberOfKeys: 2,

  encode: ({ keys, channel, type, cursors }) => ({
    keys: [keys.cursors(channel, type), keys.consumerTypes(channel)],
    args: [
      JSON.stringify({
        type: type ?? '',
        clients: [...cursors.keys()],
        // Redis compares them with what it has, which is text.
        afters: [...cursors.values()].map(({ after }) => String(after)),
        epochs: [...cursors.values()].map(({ epoch }) => epoch ?? ''),
      }),
    ],
  }),

  decode: (reply: readonly string[], { cursors }) =>
    new Map([...cursors.keys()].map((clientId, i) => [clientId, reply[i] || undefined])),
};
