import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { cannotOpen } from './storage-error.js';

/** Held by the one store that uses a directory. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes a directory for one store. The lock is the kernel's, on the file `lock`: it ends with the process,
 * however that ends, is seen across containers that share the directory, and the file itself means nothing.
 *
 * @throws EventsError `ServiceUnavailable` if another store, of this process too, has the directory, or the
 * file cannot be created.
 */
export function lockDirectory(dataDir: string): DirectoryLock {
  let fd: number | undefined;
  let granted: boolean;
  try {
    fd = openSync(join(dataDir, 'lock'), 'a+');
    granted = tryLock(fd);
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw cannotOpen(dataDir, 'its lock file cannot be created and locked', cause);
  }
  const held = fd;
  if (!granted) {
    closeSync(held);
    throw cannotOpen(dataDir, 'another server is using it; stop that one, or choose another directory');
  }
  return { release: () => closeSync(held) };
}
