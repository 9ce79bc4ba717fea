import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryFolder } from './temporary-folder.js';
import { whenThisProcessEnds } from './when-this-process-ends.js';

/** A file system of its own, of a few megabytes, that can really be full. Linux and root only. */
export class SmallDisk implements Disposable {
  readonly path: string;
  readonly #folder: TemporaryFolder;
  readonly #callOff: () => void;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
    this.path = folder.path;
    this.#callOff = whenThisProcessEnds('umount -l "$0"', this.path);
  }

  /** @returns what is missing, if this machine does not let us mount one */
  static mount(bytes: number): SmallDisk | string {
    const folder = new TemporaryFolder();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder.path]);
    if (mounted.status === 0) return new SmallDisk(folder);
    folder.remove();
    return `a small file system cannot be mounted: ${mounted.error?.message ?? mounted.stderr.toString().trim()}`;
  }

  /** Takes room away, until it is freed. */
  fill(bytes: number): void {
    const { status, stderr } = spawnSync('fallocate', ['-l', String(bytes), join(this.path, 'ballast')]);
    if (status !== 0) throw new Error(`${this.path} cannot be filled: ${stderr}`);
  }

  free(): void {
    rmSync(join(this.path, 'ballast'));
  }

  [Symbol.dispose](): void {
    spawnSync('umount', ['-l', this.path]);
    this.#folder.remove();
    this.#callOff();
  }
}
