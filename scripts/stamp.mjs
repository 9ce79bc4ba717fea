// A stamp says that a step has finished for a given input, so that it need not run again.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './workspace.mjs';

/** In node_modules, so that deleting node_modules forgets them, and nothing of them is ever packed. */
export const stampFolder = join(root, 'node_modules', '.ganomede-events');

/**
 * Hash over the names and contents of files and folders, and over other values. What does not exist counts as empty.
 *
 * @param {readonly string[]} paths   relative to the root
 * @param {readonly string[]} [values]
 */
export function contentHash(paths, values = []) {
  const hash = createHash('sha256');
  for (const value of values) hash.update(`${value}\0`);
  for (const path of paths.flatMap(files)) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** @param {string} path @returns {string[]} */
function files(path) {
  if (!existsSync(join(root, path))) return [];
  try {
    const entries = readdirSync(join(root, path)).sort();
    return entries.flatMap((entry) => files(`${path}/${entry}`));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOTDIR') return [path];
    throw error;
  }
}

/** @param {string} step @param {string} hash */
export function isUpToDate(step, hash) {
  const file = join(stampFolder, step);
  return existsSync(file) && readFileSync(file, 'utf8') === hash;
}

/**
 * Runs a step between taking away its stamp and writing the new one: a step that fails or is
 * interrupted leaves none.
 *
 * @param {string} step
 * @param {string} hash
 * @param {() => Promise<void>} work
 */
export async function stamped(step, hash, work) {
  const file = join(stampFolder, step);
  rmSync(file, { force: true });
  await work();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, hash);
  renameSync(`${file}.new`, file);
}
