import { statSync } from 'node:fs';
import { join } from 'node:path';

/** The directory, in that of a store, in which a compacted copy is made. */
export const COMPACTING = 'compacting';

/** What the file system knows a file by. */
interface Identity {
  readonly dev: number;
  readonly ino: number;
}

/**
 * The files that a store has open. A file that is deleted lives on, without a name, until it is closed: what is written to
 * it then is synced and lost. Without `lock` a second store could open the directory.
 */
export class DataFiles {
  readonly #dataDir: string;
  readonly #files: readonly { readonly name: string; readonly path: string; readonly opened: Identity }[];

  /** Both exist, and are open. */
  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#files = ['events.mdb', 'lock'].map((name) => {
      const path = join(dataDir, name);
      return { name, path, opened: statSync(path) };
    });
  }

  /** @throws Error if one of them has been deleted, moved or replaced, or the directory has. */
  assertPresent(): void {
    for (const { name, path, opened } of this.#files) {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found?.ino === opened.ino && found.dev === opened.dev) continue;
      const what = found === undefined ? 'deleted or moved' : 'replaced';
      throw new Error(
        `${join(this.#dataDir, name)} was ${what} while it was in use; put it back, or restart the server`,
      );
    }
  }
}
