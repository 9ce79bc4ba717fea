import type { SavedCursor } from '@ganomede/events-store';
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
  /** `epoch`: only that is to change, if it is at `after`; `new`: it is saved only if there is none. */
  readonly only?: 'epoch' | 'new';
}

/** What each is now, by clientId; undefined if there is none. */
export const saveCursors: Script<SaveCursorsArgs, ReadonlyMap<string, SavedCursor | undefined>> = {
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
        only: [...cursors.values()].map(({ only }) => only ?? ''),
      }),
    ],
  }),

  decode: (reply: readonly string[], { cursors }) =>
    new Map([...cursors.keys()].map((clientId, i) => [clientId, parseCursor(reply[i] ?? '')])),
};

/** `<id> <milliseconds> <epoch>`; servers of versions before save the id alone, or no epoch. Undefined: there is none. */
export function parseCursor(saved: string): SavedCursor | undefined {
  const [after, savedAt, epoch] = saved.split(' ');
  if (!after) return undefined;
  return { after: Number(after), savedAt: savedAt ? Number(savedAt) : undefined, epoch: epoch || undefined };
}

/** The other way round. */
export function cursorText({ after, savedAt, epoch }: SavedCursor): string {
  return `${after} ${savedAt ?? ''} ${epoch ?? ''}`.trimEnd();
}
