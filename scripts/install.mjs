// Installs what the lock file says.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm, pnpmVersion } from './pnpm.mjs';
import { run } from './run.mjs';
import { StepFailed, say } from './step.mjs';
import { root, workspacePackages } from './workspace.mjs';

/** Installs the dependencies of every package, unless that has been done for this lock file. Rejects with a `StepFailed`. */
export async function installDependencies() {
  if (isInstalled()) return;
  say(`Installing dependencies from the lock file with pnpm ${pnpmVersion} …`);
  const outcome = await run(
    pnpm(
      'install',
      '--frozen-lockfile',
      '--prod=false', // build tools too, whatever NODE_ENV and npm's settings say
      '--config.confirmModulesPurge=false', // replace a node_modules that npm or yarn has made, without asking
      '--reporter=append-only',
    ),
  );
  if (!outcome.ok) throw new StepFailed('Installing dependencies', outcome);
}

/** pnpm ends an installation with a copy of the lock file that it was made from. */
function isInstalled() {
  const complete = workspacePackages().every(({ folder, manifest }) => {
    const count = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length;
    return count === 0 || existsSync(join(folder, 'node_modules'));
  });
  return complete && textOf('node_modules/.pnpm/lock.yaml') === textOf('pnpm-lock.yaml');
}

/** @param {string} path */
function textOf(path) {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, 'utf8').replaceAll('\r\n', '\n') : undefined;
}
