// Builds the packages whose sources, or whose dependencies' sources, have changed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';
import { contentHash, isUpToDate, stamped } from './stamp.mjs';
import { StepFailed, say } from './step.mjs';
import { workspacePackages } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').Package} Package */

/**
 * Runs the `build` script of every package that needs it: dependencies first, otherwise side by side.
 *
 * @returns {Promise<boolean>} whether there was something to do
 */
export async function buildPackages() {
  const packages = new Map(
    workspacePackages()
      .filter(({ manifest }) => manifest.scripts?.build)
      .map((pkg) => [pkg.name, pkg]),
  );
  const hashes = sourceHashes(packages);
  const stale = [...packages.values()].filter((pkg) => !isBuilt(pkg, hashes.get(pkg.name) ?? ''));
  if (stale.length === 0) return false;

  say(`Building ${stale.map(({ path }) => path).join(', ')} …`);
  /** @type {Map<string, Promise<void>>} */
  const builds = new Map();
  const build = (/** @type {Package} */ pkg) => {
    const started = builds.get(pkg.name) ?? buildAfterDependencies(pkg);
    builds.set(pkg.name, started);
    return started;
  };
  const buildAfterDependencies = async (/** @type {Package} */ pkg) => {
    await Promise.all(
      dependencies(pkg, packages)
        .filter((dependency) => stale.includes(dependency))
        .map(build),
    );
    await stamped(stampName(pkg), hashes.get(pkg.name) ?? '', async () => {
      const outcome = await run(pkg.manifest.scripts?.build ?? '', { cwd: pkg.folder });
      if (!outcome.ok) throw new StepFailed(`Building ${pkg.path}`, outcome);
    });
  };
  // Let the others finish before a failure ends the process: no build is cut off in the middle.
  const results = await Promise.allSettled(stale.map(build));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
  return true;
}

const stampName = (/** @type {Package} */ pkg) => `build/${pkg.path.replaceAll('/', '-')}`;

/** @param {Package} pkg @param {Map<string, Package>} packages */
const dependencies = ({ manifest }, packages) =>
  Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).flatMap(
    (name) => packages.get(name) ?? [],
  );

/**
 * A hash for each package over everything that its build reads.
 *
 * @param {Map<string, Package>} packages
 */
function sourceHashes(packages) {
  const tools = contentHash(['tsconfig.base.json', 'pnpm-lock.yaml']);
  /** @type {Map<string, string>} */
  const hashes = new Map();
  const hashOf = (/** @type {Package} */ pkg) => {
    const known = hashes.get(pkg.name);
    if (known !== undefined) return known;
    const paths = ['src', 'package.json', 'tsconfig.json', 'tsup.config.ts'].map(
      (name) => `${pkg.path}/${name}`,
    );
    const hash = contentHash(paths, [tools, ...dependencies(pkg, packages).map(hashOf)]);
    hashes.set(pkg.name, hash);
    return hash;
  };
  for (const pkg of packages.values()) hashOf(pkg);
  return hashes;
}

/** @param {Package} pkg @param {string} hash */
const isBuilt = (pkg, hash) =>
  isUpToDate(stampName(pkg), hash) &&
  entryFiles([pkg.manifest.exports, pkg.manifest.bin]).every((file) => existsSync(join(pkg.folder, file)));

/** The files that a manifest's `exports` and `bin` lead to. @param {unknown} value @returns {string[]} */
function entryFiles(value) {
  if (typeof value === 'string') return [value];
  return value && typeof value === 'object' ? Object.values(value).flatMap(entryFiles) : [];
}
