import { Epochs } from '../events/epochs.js';

/** Where an import is in a channel. */
export interface ImportedUpTo {
  /** Oldest id kept, above `lastId` if none is. */
  readonly firstId: number;
  /** The newest id that is there. */
  readonly lastId: number;
  /** Stands for the import: up to 16 digits and lower-case letters, that no other import and no engine has. */
  readonly term: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/**
 * The epochs of a channel that was brought from another store up to `lastId`: those of the other, as far as they reach, and behind
 * them one that no event is of. So a cursor of the other store is known for what it has seen, one that is further than what came
 * goes back, and whatever is appended next begins an epoch, in whichever engine. `source`: those of the other store, `Epochs.NONE` if
 * it has none.
 */
export function importedEpochs(source: Epochs, upTo: ImportedUpTo): Epochs {
  return source.upTo(upTo.lastId).begin(upTo);
}
