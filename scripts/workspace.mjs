// The packages of this workspace, read from the manifests; nothing has to be installed for it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {string} [packageManager]
 * @property {string} [main]
 * @property {Record<string, string>} [bin]
 * @property {unknown} [exports]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [peerDependencies]
 *
 * @typedef {object} Package
 * @property {string} name
 * @property {string} path    relative to the root, such as `packages/store`
 * @property {string} folder  absolute
 * @property {Manifest} manifest
 */

/** Absolute path of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');

/** @returns {Manifest} */
const readManifest = (/** @type {string} */ folder) =>
  JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));

export const rootManifest = readManifest('.');

/** Every package of pnpm-workspace.yaml, sorted by path. @returns {Package[]} */
export function workspacePackages() {
  const yaml = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8');
  const list = /^packages:\n((?:[ \t]+-.*\n)+)/m.exec(yaml)?.[1] ?? '';
  const patterns = [...list.matchAll(/-\s*['"]?([^'"\s]+)/g)].map((match) => String(match[1]));
  return patterns
    .flatMap((pattern) => (pattern.endsWith('/*') ? subfolders(pattern.slice(0, -2)) : [pattern]))
    .filter((path) => existsSync(join(root, path, 'package.json')))
    .sort()
    .map((path) => {
      const manifest = readManifest(path);
      return { name: manifest.name, path, folder: join(root, path), manifest };
    });
}

/** The packages that are published to npm. */
export const publishedPackages = () => workspacePackages().filter(({ manifest }) => !manifest.private);

/** @param {string} parent */
function subfolders(parent) {
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${parent}/${entry.name}`);
}
