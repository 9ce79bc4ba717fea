// Installs what the lock file says.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm, pnpmVersion } from './pnpm.mjs';
import { run } from './run.mjs';
import { contentHash, isUpToDate, stamped } from './stamp.mjs';
import { StepFailed, say } from './step.mjs';
import { workspacePackages } from './workspace.mjs';

/**
 * Installs the dependencies of every package, unless that has been done for this lock file and these manifests.
 *
 * @returns {Promise<boolean>} whether there was something to do
 */
export async function installDependencies() {
  const packages = workspacePackages();
  const hash = contentHash(
    [
      'pnpm-lock.yaml',
      'pnpm-workspace.yaml',
      '.npmrc',
      'package.json',
      ...packages.map(({ path }) => `${path}/package.json`),
    ],
    [pnpmVersion, process.platform, process.arch],
  );
  const complete = packages.every(({ folder, manifest }) => {
    const count = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length;
    return count === 0 || existsSync(join(folder, 'node_modules'));
  });
  if (complete && isUpToDate('install', hash)) return false;

  say(`Installing dependencies from the lock file with pnpm ${pnpmVersion} …`);
  await stamped('install', hash, async () => {
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
  });
  return true;
}
