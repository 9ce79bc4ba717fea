import type { SavedCursor } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import type { Script } from './script.js';

export interface SaveCursorsArgs {
  readonly keys: Keys;
  readonly channel: string;
  readonly type: string | undefined;
  /** Made one after the other. */
  readonly saves: readonly CursorSave[];
}

export interface CursorSave {
  readonly clientId: string;
  /** The last event that it has seen. */
  readonly after: number;
  /** Undefined: the one that it has. */
  readonly epoch: string | undefined;
  /** `epoch`: only that is to change, if it is at `after`; `new`: it is saved only if there is none. */
  readonly only?: 'epoch' | 'new';
}

/** Of each save what the cursor was before it; undefined if there was none. */
export const saveCursors: Script<SaveCursorsArgs, (SavedCursor | undefined)[]> = {
  name: 'save-cursors',
  numberOfKeys: 2,

  encode: ({ keys, channel, type, saves }) => ({
    keys: [keys.cursors(channel, type), keys.consumerTypes(channel)],
    args: [
      JSON.stringify({
        type: type ?? '',
        clients: saves.map(({ clientId }) => clientId),
        // Redis compares them with what it has, which is text.
        afters: saves.map(({ after }) => String(after)),
        epochs: saves.map(({ epoch }) => epoch ?? ''),
        only: saves.map(({ only }) => only ?? ''),
      }),
    ],
  }),

  decode: (reply: readonly string[]) => reply.map(parseCursor),
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
