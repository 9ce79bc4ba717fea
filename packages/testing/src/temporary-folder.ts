import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closed, opened } from './leaks.js';
import { whenThisProcessEnds } from './when-this-process-ends.js';

/**
 * An empty folder below that for temporary files (TMPDIR). `using` or `remove` deletes it with everything in it; it goes
 * with this process in any case.
 */
export class TemporaryFolder implements Disposable {
  readonly path: string;
  readonly #callOff: () => void;

  constructor() {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), 'ganomede-events-')));
    this.#callOff = whenThisProcessEnds('rm -rf "$0"', this.path);
    opened(this, `the folder ${this.path}`);
  }

  /** Deletes it. A second time does nothing. */
  remove(): void {
    // A process that has just been killed may still be writing.
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
    this.#callOff();
    closed(this);
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}
